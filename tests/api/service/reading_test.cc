#include <sys/stat.h>

#include "crypto/sha256.h"
#include "crypto/tlog_proof.h"
#include "store/git/object_writer.h"
#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

constexpr std::chrono::seconds kPatience{60};

RepositoryView view_of(ServiceFixture& fixture, const AuthenticatedCaller& caller) {
  return must(fixture.store->fetches().view(caller, must(RepositoryName::parse("platform"))));
}

ErrorCode want(ServiceFixture& fixture, std::string_view who, const Oid& wanted) {
  const RepositoryView view = view_of(fixture, fixture.as(who));
  const Result<> answer = fixture.store->fetches().authorise_wants(view, std::vector{wanted});
  return code_of(answer);
}

bool may_want(ServiceFixture& fixture, std::string_view who, const Oid& wanted) {
  const RepositoryView view = view_of(fixture, fixture.as(who));
  return fixture.store->fetches().authorise_wants(view, std::vector{wanted}).has_value();
}

/// A commit on the hidden branch, with a file of its own.
Oid push_hidden(ServiceFixture& fixture) {
  const Oid made = fixture.workshop.commit({.files = {{"secret.yaml", "kind: Secret\n"}}});
  REQUIRE(fixture.push("alice", "platform", {{"refs/heads/hidden", made}}).accepted());
  return made;
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "a view holds what its caller may read") {
  push_commit();
  push_hidden(*this);
  CHECK(view_of(*this, as("alice")).whole);
  const RepositoryView carol = view_of(*this, as("carol"));
  CHECK(carol.refs.size() == 1);
  CHECK_FALSE(carol.whole);
  CHECK(carol.find(key_of("platform:refs/heads/hidden").ref) == nullptr);
}

TEST_CASE_FIXTURE(ServiceFixture, "who may read nothing does not learn that a repository exists") {
  push_commit();
  const auto platform = must(RepositoryName::parse("platform"));
  const auto hidden = store->fetches().view(as("mallory"), platform);
  const auto absent =
      store->fetches().view(as("mallory"), must(RepositoryName::parse("no-such-thing")));
  CHECK(code_of(hidden) == ErrorCode::kNotFound);
  CHECK(code_of(absent) == ErrorCode::kNotFound);
  CHECK(code_of(store->fetches().view(AuthenticatedCaller::anonymous(), platform)) ==
        ErrorCode::kNotFound);
  CHECK(code_of(store->fetches().view(as("alice", TokenScope::kRead, "mirror"), platform)) ==
        ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(ServiceFixture, "a commit of a hidden ref is not fetched, however it is named") {
  push_commit();
  const Oid hidden = push_hidden(*this);
  CHECK(want(*this, "carol", hidden) == ErrorCode::kDenied);
  CHECK(may_want(*this, "alice", hidden));
}

TEST_CASE_FIXTURE(ServiceFixture, "a blob or tree of a hidden ref is not fetched") {
  push_commit();
  const Oid hidden = push_hidden(*this);
  const GitCommit commit = must(objects("platform")->read_commit(hidden));
  const Oid blob = must(objects("platform")->read_tree(commit.tree)).front().oid;
  CHECK(want(*this, "carol", commit.tree) == ErrorCode::kDenied);
  CHECK(want(*this, "carol", blob) == ErrorCode::kDenied);
  CHECK(may_want(*this, "alice", blob));
}

TEST_CASE_FIXTURE(
    ServiceFixture,
    "an object that lies in the repository and belongs to no version is not fetched") {
  push_commit();
  const std::vector<GitObject> dangling{{ObjectType::kBlob, "left behind\n"}};
  const Oid blob =
      must(write_objects_durably(core().repositories.path(must(RepositoryName::parse("platform"))),
                                 dangling, steps))
          .front();
  CHECK(objects("platform")->has_object(blob));
  CHECK(want(*this, "alice", blob) == ErrorCode::kDenied);
  const Oid commit = workshop.commit({.files = {{"left.yaml", "a: 1\n"}}});
  CHECK(want(*this, "alice", commit) == ErrorCode::kDenied);
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "past versions and what is below them are fetched, also after a force push") {
  const Oid first = commit();
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", first}}).accepted());
  const Oid second = commit({.files = {{"other.yaml", "a: 1\n"}}});
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", second}}).accepted());
  CHECK(may_want(*this, "carol", first));
  CHECK(may_want(*this, "carol", second));
}

TEST_CASE_FIXTURE(ServiceFixture, "of what a client has those are known that its refs lead to") {
  const Oid first = push_commit();
  push_commit({.files = {{"more.yaml", "a: 1\n"}}});
  const Oid hidden = push_hidden(*this);
  const GitCommit secret = must(objects("platform")->read_commit(hidden));
  const Oid forced = workshop.commit({.files = {{"forced.yaml", "a: 1\n"}}});
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", forced}}).accepted());
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", first}}).accepted());
  const Oid unknown = workshop.commit({.files = {{"mine.yaml", "a: 1\n"}}});
  const std::vector<Oid> haves{first, forced, hidden, secret.tree, unknown};
  const auto known = must(store->fetches().authorise_fetch(view_of(*this, as("carol")),
                                                           {.wants = {first}, .haves = haves}, {}));
  CHECK(known == std::unordered_set<Oid>{first, forced});
}

TEST_CASE_FIXTURE(ServiceFixture, "versions of a deleted ref are not fetched") {
  push_commit();
  const Oid made = workshop.commit({.files = {{"gone.yaml", "a: 1\n"}}});
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", made}}).accepted());
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", std::nullopt}}).accepted());
  CHECK(want(*this, "carol", made) == ErrorCode::kDenied);
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a head statement names what its caller may read and nothing else") {
  push_commit();
  push_hidden(*this);
  const auto platform = must(RepositoryName::parse("platform"));
  const SignedHead carol = must(store->statements().head(as("carol"), platform));
  const HeadStatement opened = must(open_head_statement(carol.envelope, store->trust()));
  CHECK(opened.refs.size() == 1);
  CHECK(opened.find("platform", "refs/heads/audit") != nullptr);
  CHECK(carol.envelope.find("hidden") == std::string::npos);
  const SignedHead alice = must(store->statements().head(as("alice"), platform));
  CHECK(alice.statement.find("platform", "refs/heads/hidden") != nullptr);
}

TEST_CASE_FIXTURE(ServiceFixture, "a head statement is signed anew when it is ten minutes old") {
  push_commit();
  const auto platform = must(RepositoryName::parse("platform"));
  settle();
  const SignedHead first = must(store->statements().head(as("carol"), platform));
  CHECK(first.statement.expires == first.statement.issued + std::chrono::hours(24));
  clock.advance(std::chrono::minutes(9));
  CHECK(must(store->statements().head(as("carol"), platform)).envelope == first.envelope);
  clock.advance(std::chrono::minutes(2));
  CHECK(must(store->statements().head(as("carol"), platform)).statement.issued == clock.now());
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "with a clock behind the log no head is signed and no push taken") {
  push_commit();
  settle();
  clock.advance(-std::chrono::hours(1));
  const auto platform = must(RepositoryName::parse("platform"));
  CHECK(code_of(store->statements().head(as("carol"), platform)) == ErrorCode::kUnavailable);
  const Oid made = commit();
  CHECK(code_of(push_moves("alice", "platform",
                           {{key_of("platform:refs/heads/topic/a"), std::nullopt, made}},
                           workshop.pack({made}))) == ErrorCode::kUnavailable);
  clock.advance(std::chrono::hours(1));
  CHECK(store->statements().head(as("carol"), platform));
}

TEST_CASE_FIXTURE(ServiceFixture, "the statements of a ref form a chain") {
  const RefKey key = key_of("platform:refs/heads/audit");
  std::optional<std::string> previous;
  for (const char* text : {"a: 1\n", "a: 2\n", "a: 3\n"}) {
    push_commit({.files = {{"a.yaml", text}}});
    const VersionNumber number = version("platform:refs/heads/audit");
    const StatementRecord record = must(store->statements().wait_for(key, number, kPatience));
    const VersionStatement statement =
        must(open_version_statement(record.envelope, store->trust()));
    CHECK(statement.previous == previous);
    CHECK(statement.version == number);
    previous = record.payload_digest;
  }
}

TEST_CASE_FIXTURE(ServiceFixture, "a snapshot bundle holds everything that a consumer verifies") {
  push_commit();
  const RefKey key = key_of("platform:refs/heads/audit");
  const SnapshotBundle bundle =
      must(store->statements().bundle(as("carol"), key, std::nullopt, 0, kPatience));
  const TrustDocument& trust = store->trust();
  const VersionStatement statement = must(open_version_statement(bundle.statement.envelope, trust));
  CHECK(statement.commit == tip("platform:refs/heads/audit").hex());
  const HeadStatement head = must(open_head_statement(bundle.head->envelope, trust));
  CHECK(head.find("platform", "refs/heads/audit")->version == statement.version);
  const TlogProof proof = must(parse_tlog_proof(bundle.proof));
  const VerifiedCheckpoint checkpoint = must(verify_tlog_proof(
      proof, merkle_leaf_hash(bundle.entry), trust.origin(), must(trust.log_keys(1))));
  CHECK(head.checkpoint_size == checkpoint.checkpoint().size);
  CHECK(head.checkpoint_root == checkpoint.checkpoint().root);
  const Json entry = must(parse_json(bundle.entry));
  CHECK(entry["data"]["statement"] == bundle.statement.payload_digest);
  CHECK(entry["data"]["archive"]["sha256"] == "sha256:" + statement.archive_sha256);
}

TEST_CASE_FIXTURE(ServiceFixture, "opening an archive twice does not make it look changed") {
  push_commit();
  const RefKey key = key_of("platform:refs/heads/audit");
  const StatementRecord record = must(store->statements().wait_for(key, 1, kPatience));
  const Oid tree = state("platform:refs/heads/audit")->content->tree;
  const auto changed = [&] {
    const auto file = must(
        store->archives().open(key.repository, tree, record.archive_digest, record.archive_bytes));
    struct stat status{};
    REQUIRE(::fstat(file->get(), &status) == 0);
    return status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec;
  };
  const auto first = changed();
  CHECK(changed() == first);
  must(store->archives().trim(0));
  changed();  // built again
  CHECK(store->core().alarms.list().empty());
}

TEST_CASE_FIXTURE(ServiceFixture, "a statement waits until a published checkpoint covers it") {
  const RefKey key = key_of("platform:refs/heads/audit");
  std::optional<Result<StatementRecord>> early;
  // Between the commit that brings the statement's row and the publication of its checkpoint.
  const std::function<void()> look = [&] {
    const auto row = ledger().statement(key, 1);
    if (row && *row) {
      early = store->statements().wait_for(key, 1, Milliseconds(0));
    } else {
      steps.meanwhile("high-water.write", look);
    }
  };
  steps.meanwhile("high-water.write", look);
  push_commit();
  settle();
  REQUIRE(early);
  CHECK(code_of(*early) == ErrorCode::kUnavailable);
  must(store->statements().wait_for(key, 1, Milliseconds(0)));
}

TEST_CASE_FIXTURE(ServiceFixture, "no bundle is made of what a caller may not read") {
  push_commit();
  push_hidden(*this);
  const auto hidden = store->statements().bundle(as("carol"), key_of("platform:refs/heads/hidden"),
                                                 std::nullopt, 0, kPatience);
  CHECK(code_of(hidden) == ErrorCode::kNotFound);
  const auto version = store->statements().bundle(as("carol"), key_of("platform:refs/heads/hidden"),
                                                  1, 0, kPatience);
  CHECK(code_of(version) == ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(ServiceFixture, "an archive that is gone is built again, the same") {
  push_commit();
  const RefKey key = key_of("platform:refs/heads/audit");
  const StatementRecord record = must(store->statements().wait_for(key, 1, kPatience));
  const std::string hex = record.archive_digest.substr(7);
  const Path file = store->layout().archives() / (hex + ".tar");
  const std::string before = must(read_file(file, 1U << 20));
  must(remove_tree(file));
  const Oid tree = state("platform:refs/heads/audit")->content->tree;
  must(store->archives().open(key.repository, tree, record.archive_digest, record.archive_bytes));
  CHECK(must(read_file(file, 1U << 20)) == before);
  CHECK(sha256_hex(before) == hex);
}

}  // namespace statehouse::test
