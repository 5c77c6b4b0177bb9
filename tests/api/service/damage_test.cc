#include <algorithm>
#include <filesystem>
#include <fstream>

#include "api/service/integrity.h"
#include "crypto/base/subprocess.h"
#include "crypto/ssh_key.h"
#include "store/ledger/event.h"
#include "store/ledger/sqlite.h"
#include "tests/api/service/service_fixture.h"

// What happens on the store's own disk: bytes go bad, or somebody changes them.

namespace statehouse::test {

namespace {

Path objects_folder(ServiceFixture& fixture) {
  return fixture.core().repositories.path(must(RepositoryName::parse("platform"))) / "objects";
}

Path object_file(ServiceFixture& fixture, const Oid& oid) {
  const std::string hex = oid.hex();
  return objects_folder(fixture) / hex.substr(0, 2) / hex.substr(2);
}

std::string git_with(const Path& repository, std::vector<std::string> arguments,
                     std::string input) {
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.environment = minimal_environment();
  options.environment.emplace_back("GIT_DIR", repository.string());
  options.stdin_bytes = std::move(input);
  const SubprocessResult result = must(run_subprocess(options));
  REQUIRE_MESSAGE(result.succeeded(), result.stderr_bytes);
  return result.stdout_bytes;
}

/// Each object of platform in a file of its own, so that one of them can be damaged.
void unpack_objects(ServiceFixture& fixture) {
  const Path folder = objects_folder(fixture);
  std::vector<Path> packs;
  for (const auto& file : std::filesystem::directory_iterator(folder / "pack")) {
    packs.push_back(fixture.directory.path() / file.path().filename());
    std::filesystem::rename(file.path(), packs.back());
  }
  for (const Path& pack : packs) {
    if (pack.extension() != ".pack") continue;
    git_with(folder.parent_path(), {"git", "unpack-objects", "-q"},
             must(read_file(pack, 1U << 30)));
  }
}

void damage(const Path& file) {
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  std::ofstream(file, std::ios::binary) << "not what was written";
}

bool has_alarm(ServiceFixture& fixture, std::string_view what) {
  return std::ranges::any_of(fixture.core().alarms.list(),
                             [&](const Alarm& alarm) { return alarm.what == what; });
}

std::string sql_text(std::string_view text) { return "'" + std::string(text) + "'"; }

/// The row, and the evidence below it, of an approval by `identity` that nobody handed in.
void forge_approval(ServiceFixture& fixture, PromotionNumber number, std::string_view identity,
                    const std::string& envelope) {
  const std::string salt(16, 's');
  const std::string digest = sql_text(evidence_digest(salt, envelope));
  const std::string fingerprint =
      sql_text(SshPublicKey::from_ed25519(key_named(identity).public_key()).fingerprint());
  Database database =
      must(Database::open(fixture.store->layout().ledger(), Database::Mode::kReadWrite));
  must(database.execute(
      "INSERT INTO evidence (digest, entry, position, name, media_type, salt, bytes) VALUES (" +
      digest + ", 0, 9, 'approval', 'application/json', CAST(" + sql_text(salt) +
      " AS BLOB), CAST(" + sql_text(envelope) + " AS BLOB))"));
  must(database.execute(
      "INSERT INTO approvals (promotion, revision, identity, fingerprint, verdict, "
      "envelope_digest, received, drops, entry) VALUES (" +
      std::to_string(number) + ", 1, " + sql_text(identity) + ", " + fingerprint + ", 'approve', " +
      digest + ", " + std::to_string(fixture.clock.now().unix_ms()) + ", '[]', 0)"));
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "damage of the store's own objects is no fault of who pushes") {
  push_commit();
  const Oid made = commit({.files = {{"apps/shop.yaml", "kind: Secret\n"}}});
  unpack_objects(*this);
  const Oid tip_now = tip("platform:refs/heads/audit");
  const std::string pack =
      git_with(workshop.path(), {"git", "pack-objects", "--revs", "--stdout", "-q"},
               made.hex() + "\n^" + tip_now.hex() + "\n");
  const std::vector<ProposedMove> moves{{key_of("platform:refs/heads/audit"), tip_now, made}};
  SUBCASE("a commit") { damage(object_file(*this, tip_now)); }
  SUBCASE("a tree") {
    damage(object_file(*this, state("platform:refs/heads/audit")->content->tree));
  }
  SUBCASE("a commit that is gone") { std::filesystem::remove(object_file(*this, tip_now)); }
  const std::uint64_t size = log_size();
  CHECK(code_of(push_moves("alice", "platform", moves, pack)) == ErrorCode::kCorrupt);
  CHECK(has_alarm(*this, "object"));
  for (std::uint64_t index = size; index < log_size(); ++index) {
    const Json event = must(parse_json(must(ledger().entry(index))));
    CHECK(event["type"] != "statehouse.ref.refused");
  }
  CHECK(tip("platform:refs/heads/audit") == tip_now);
}

TEST_CASE_FIXTURE(ServiceFixture, "fsck sees damage that an open handle's cache would hide") {
  const Oid made = push_commit();
  unpack_objects(*this);
  CHECK(must(objects("platform")->read_commit(made)).oid == made);
  damage(object_file(*this, made));
  REQUIRE(objects("platform")->read_commit(made));
  CHECK_FALSE(must(check_integrity(*store, RefRepair::kReportOnly, nullptr)).ok());
}

TEST_CASE_FIXTURE(ServiceFixture, "fsck looks into a repository that was marked as deleted") {
  const Oid made = push_commit();
  unpack_objects(*this);
  damage(object_file(*this, made));
  Database database = must(Database::open(store->layout().ledger(), Database::Mode::kReadWrite));
  must(database.execute("UPDATE repositories SET deleted = 1 WHERE name = 'platform'"));
  const IntegrityReport report = must(check_integrity(*store, RefRepair::kReportOnly, nullptr));
  const auto is_found = [&](std::string_view where) {
    return std::ranges::any_of(
        report.findings, [&](const IntegrityFinding& finding) { return finding.where == where; });
  };
  CHECK(is_found("log repository platform"));
  CHECK(is_found("platform " + made.hex()));
}

TEST_CASE_FIXTURE(ServiceFixture, "fsck finds nothing in what the store itself wrote") {
  std::string text = organisation();
  const std::string by = "merge: {by: [group:reviewers]}";
  text.replace(text.find(by), by.size(), "merge: {auto: true}");
  declare({{"organisation.yaml", text}});
  push_commit();
  const PromotionNumber merged = open("alice", "deploy");
  must(store->promotions().comment(as("bob"), merged, "why?", "apps/shop.yaml", 1));
  must(
      store->promotions().comment(as("bob"), merged, "and \"this\"\n", std::nullopt, std::nullopt));
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  must(store->promotions().update(as("alice"), merged, next));
  must(approve_with("carol", merged, "carol", [&](ApprovalStatement& statement) {
    statement.verdict = ApprovalVerdict::kReject;
    statement.expires = clock.now() + std::chrono::hours(1);
  }));
  must(approve("carol", merged));
  CHECK(must(store->promotions().situation(as("alice"), merged)).record.state ==
        PromotionState::kMerged);
  const PromotionNumber mirrored = promote("mirror").promotion.value_or(0);
  CHECK(mirrored > merged);
  push_commit({.files = {{"apps/shop.yaml", "kind: Third\n"}}});
  must(store->promotions().close(as("alice"), open("alice", "deploy")));
  open("alice", "mirror");
  settle();
  for (const auto& finding :
       must(check_integrity(*store, RefRepair::kReportOnly, nullptr)).findings) {
    FAIL_CHECK(finding.where << ": " << finding.what);
  }
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "an approval that was written into the ledger's file counts not") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  std::string envelope;
  SUBCASE("signed by somebody else") { envelope = approval_envelope(number, "mallory"); }
  SUBCASE("whose verdict was another") {
    envelope =
        approval_envelope(number, "bob", [](auto& s) { s.verdict = ApprovalVerdict::kReject; });
  }
  SUBCASE("whose time was over") {
    envelope = approval_envelope(number, "bob", [&](ApprovalStatement& s) {
      s.expires = clock.now() - std::chrono::hours(1);
    });
  }
  SUBCASE("that would count") { envelope = approval_envelope(number, "bob"); }
  forge_approval(*this, number, "bob", envelope);
  REQUIRE(must(store->promotions().situation(as("alice"), number)).approvals.size() == 1);
  CHECK(code_of(merge("carol", number)) == ErrorCode::kCorrupt);
  CHECK(has_alarm(*this, "promotion"));
  CHECK_FALSE(state("platform:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a row of an approval that was changed decides no merge") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  clock.advance(std::chrono::seconds(1));
  accepted(approve_with("carol", number, "carol",
                        [](auto& s) { s.verdict = ApprovalVerdict::kReject; }));
  REQUIRE(refusal_of(merge("bob", number)) == "rejected");
  const std::string of_carol = " WHERE identity = 'carol'";
  for (const std::string& change :
       {"received = 1" + of_carol, "verdict = 'approve'" + of_carol, "revision = 7" + of_carol,
        "identity = 'dave'" + of_carol,
        "fingerprint = (SELECT fingerprint FROM approvals WHERE identity = 'bob')" + of_carol,
        "entry = 0" + of_carol, "expires = 1" + of_carol, std::string("drops = '[1]'"),
        std::string("expires = 9999999999999"),
        "envelope_digest = (SELECT envelope_digest FROM approvals WHERE identity = 'bob')" +
            of_carol}) {
    CAPTURE(change);
    const auto execute = [&](const std::string& sql) {
      Database database =
          must(Database::open(store->layout().ledger(), Database::Mode::kReadWrite));
      must(database.execute(sql));
    };
    execute("CREATE TABLE kept AS SELECT * FROM approvals; UPDATE approvals SET " + change);
    const auto merged = merge("bob", number);
    execute("DELETE FROM approvals; INSERT INTO approvals SELECT * FROM kept; DROP TABLE kept");
    CHECK(code_of(merged) == ErrorCode::kCorrupt);
  }
  CHECK_FALSE(state("platform:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "what a merged promotion brought is in its seal, whatever its row says") {
  push_commit();
  promote("deploy");
  const Oid unseen = push_commit({.author = "bob", .files = {{"apps/shop.yaml", "kind: Bob\n"}}});
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  const PromotionNumber number = open("alice", "deploy");
  // Bob may not approve what he wrote, unless it counts as brought already.
  accepted(approve("bob", number));
  REQUIRE(refusal_of(merge("carol", number)).find("self-approval") != std::string::npos);
  {
    Database database = must(Database::open(store->layout().ledger(), Database::Mode::kReadWrite));
    must(database.execute("UPDATE promotions SET source_commit = x'" + unseen.hex() +
                          "' WHERE state = 'merged' AND flow = 'deploy'"));
  }
  CHECK(code_of(merge("carol", number)) == ErrorCode::kCorrupt);
}

}  // namespace statehouse::test
