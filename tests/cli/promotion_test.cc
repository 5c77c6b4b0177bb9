#include <doctest/doctest.h>

#include "cli/promotion_review.h"
#include "crypto/base/encoding.h"
#include "crypto/base/subprocess.h"
#include "crypto/dsse.h"
#include "crypto/git_object.h"
#include "crypto/sha256.h"
#include "crypto/ssh_key.h"
#include "store/git/git_repository.h"
#include "store/git/tree_digest.h"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/git_fixture.h"

namespace statehouse {

using test::TestCli;
using test::TestRepository;

namespace {

/// A reviewer, a real repository with a promotion waiting, and a server that tells about it.
struct Review {
  explicit Review(const test::Files& files = {{"a.yaml", "2"}, {"b.yaml", "b"}})
      : repository(cli.path("git/platform.git")), key(Ed25519SecretKey::generate(cli.entropy)) {
    base = repository.commit("refs/heads/deploy", {{"a.yaml", "1"}});
    repository.git({"update-ref", "refs/heads/audit", base});
    commit = repository.commit("refs/heads/audit", files);
    cli.file("key", format_openssh_private_key(key, "bob", cli.entropy));
    const auto objects =
        GitRepository::open(repository.path() / "objects", {}, std::make_shared<CommitGraph>())
            .value();
    const GitCommit parsed = objects->read_commit(Oid::parse(commit).value()).value();
    TreeDigests digests;
    tree = parsed.tree.hex();
    promotion = {
        {"number", 12},
        {"state", "open"},
        {"phase", "blocked"},
        {"blockedBy", {"approvals"}},
        {"flow", "deploy"},
        {"source",
         {{"repository", "platform"},
          {"ref", "refs/heads/audit"},
          {"commit", commit},
          {"commitSha256", "sha256:" + git_object_sha256("commit", parsed.raw)}}},
        {"target",
         {{"repository", "platform"},
          {"ref", "refs/heads/deploy"},
          {"base", base},
          {"baseVersion", 4}}},
        {"tree",
         {{"sha1", tree},
          {"sha256", "sha256:" + hex_encode(digests.tree_sha256(*objects, parsed.tree).value())}}},
        {"policyDigest", sha256_digest_text("policy")},
        {"drops", Json::array()},
        {"commits", {{{"commit", commit}, {"subject", "m"}, {"signer", "alice"}}}}};
    server = {{"origin", "example.com/store"}, {"epoch", 1}};
    cli.answers["GET /v1/server"] = [this](const ApiRequest&) { return ok(server); };
    cli.variables["STATEHOUSE_SERVER"] = "file://" + cli.directory.path().string();
    cli.answers["GET /v1/promotions/12"] = [this](const ApiRequest&) { return ok(promotion); };
    cli.answers["GET /v1/promotions/12/statement*"] = [this](const ApiRequest& request) {
      const bool reject = request.target.ends_with("reject");
      ApprovalStatement statement =
          claimed_statement(server, promotion,
                            reject ? ApprovalVerdict::kReject : ApprovalVerdict::kApprove)
              .value();
      if (change_statement) change_statement(statement);
      return ok(
          {{"payload", base64_encode(statement.payload())}, {"payloadType", kInTotoPayloadType}});
    };
    cli.answers["POST /v1/promotions/12/approvals"] = [this](const ApiRequest& request) {
      sent = parse_json(request.body).value()["envelope"];
      return ok(promotion);
    };
  }

  static ApiResponse ok(const Json& document) {
    return {200, "application/json", dump_json(document)};
  }

  int decide(std::vector<std::string> more, const std::string& verb = "approve") {
    more.insert(more.begin(), {"promotion", verb, "12", "--key", "key"});
    return cli.run(more);
  }

  /// The head of `store`, which has deployed what the promotion would replace.
  void answer_head(test::TestStore& store) {
    store.issue_version();
    store.statement.commit = base;
    store.reissue();
    cli.answer("GET /v1/head", store.snapshot()["head"]);
  }

  GitLibrary library;
  TestCli cli;
  TestRepository repository;
  Ed25519SecretKey key;
  std::string base;
  std::string commit;
  std::string tree;
  Json server;
  Json promotion;
  std::function<void(ApprovalStatement&)> change_statement;
  Json sent;
};

}  // namespace

TEST_CASE("without a terminal and without an answer beforehand nothing is signed") {
  Review review;
  CHECK(review.decide({}) == 2);
  CHECK(review.cli.err.find("--expect-tree") != std::string::npos);
  CHECK(review.cli.requests.empty());
}

TEST_CASE("a key that is neither a file nor gpg's is not found") {
  Review review;
  for (const char* key : {"nokey", "no/key"}) {
    CHECK(review.cli.run({"promotion", "approve", "12", "--yes", "--key", key}) == 3);
    CHECK(review.sent.is_null());
  }
}

TEST_CASE("a key without its private half, in a file or an agent, is not found") {
  Review review;
  const std::string line = SshPublicKey::from_ed25519(review.key.public_key()).line();
  review.cli.file("lonely.pub", line + "\n");
  for (const std::string& key : {std::string("lonely.pub"), "key::" + line}) {
    for (const char* agent : {"", "/nonexistent/agent"}) {
      review.cli.variables["SSH_AUTH_SOCK"] = agent;
      CHECK(review.cli.run({"promotion", "approve", "12", "--yes", "--key", key}) == 3);
      CHECK(review.cli.err.find("ssh-keygen: ") != std::string::npos);
      CHECK(review.cli.err.find("x0d") == std::string::npos);
      CHECK(review.cli.err.find("ssh-add") != std::string::npos);
    }
  }
  CHECK(review.sent.is_null());
}

TEST_CASE("a person who does not type yes signs nothing") {
  for (const char* typed : {"", "\n", "y\n", "no\n", "YES\n", " yes\n"}) {
    Review review;
    review.cli.terminal = StreamKind::kTerminal;
    review.cli.typed = typed;
    CHECK(review.decide({}) == 5);
    CHECK(review.sent.is_null());
  }
}

TEST_CASE("another tree than the expected one is a conflict") {
  Review review;
  CHECK(review.decide({"--expect-tree", std::string(40, 'a')}) == 6);
  CHECK(review.decide({"--expect-tree", "abc"}) == 2);
  CHECK(review.sent.is_null());
}

TEST_CASE("a server that lies about what the objects are is caught") {
  const std::string other(64, 'a');
  const std::vector<std::pair<std::string, std::function<void(Json&)>>> lies{
      {"source.sha256", [&](Json& p) { p["source"]["commitSha256"] = "sha256:" + other; }},
      {"tree.sha1", [&](Json& p) { p["tree"]["sha1"] = other.substr(0, 40); }},
      {"tree.sha256", [&](Json& p) { p["tree"]["sha256"] = "sha256:" + other; }}};
  for (const auto& [field, lie] : lies) {
    Review review;
    lie(review.promotion);
    CAPTURE(field);
    CHECK(review.decide({"--yes"}) == 4);
    CHECK(review.cli.err.find("`" + field + "`") != std::string::npos);
    CHECK(review.sent.is_null());
  }
}

TEST_CASE("a statement that differs from what was shown is caught, whichever field it is") {
  const std::string oid(40, 'a');
  const std::vector<std::pair<std::string, std::function<void(ApprovalStatement&)>>> lies{
      {"origin", [](ApprovalStatement& s) { s.origin = "example.org/other"; }},
      {"epoch", [](ApprovalStatement& s) { s.epoch = 2; }},
      {"promotion", [](ApprovalStatement& s) { s.promotion = 13; }},
      {"verdict", [](ApprovalStatement& s) { s.verdict = ApprovalVerdict::kReject; }},
      {"source.repository", [](ApprovalStatement& s) { s.source_repository = "other"; }},
      {"source.ref", [](ApprovalStatement& s) { s.source_ref = "refs/heads/x"; }},
      {"source.commit", [&](ApprovalStatement& s) { s.source_commit = oid; }},
      {"target.repository", [](ApprovalStatement& s) { s.target_repository = "other"; }},
      {"target.ref", [](ApprovalStatement& s) { s.target_ref = "refs/heads/x"; }},
      {"target.base", [](ApprovalStatement& s) { s.target_base.reset(); }},
      {"tree.sha1", [&](ApprovalStatement& s) { s.tree = oid; }},
      {"flow", [](ApprovalStatement& s) { s.flow = "other"; }},
      {"policyDigest", [](ApprovalStatement& s) { s.policy_digest = sha256_digest_text("other"); }},
      {"drops", [](ApprovalStatement& s) { s.drops = {3}; }}};
  for (const auto& [field, lie] : lies) {
    Review review;
    review.change_statement = lie;
    CAPTURE(field);
    CHECK(review.decide({"--yes"}) == 4);
    CHECK(review.cli.err.find("`" + field + "`") != std::string::npos);
    CHECK(review.sent.is_null());
  }
}

TEST_CASE("an expiry that the server slips into the statement is caught") {
  Review review;
  review.change_statement = [](ApprovalStatement& statement) {
    statement.expires = Timestamp::from_unix_seconds(1);
  };
  CHECK(review.decide({"--yes"}) == 4);
}

TEST_CASE("a server that is another store than the pinned one is refused") {
  Review review;
  test::TestStore pinned("example.com/store");
  review.answer_head(pinned);
  review.cli.file("other.json", test::TestStore("example.org/other").trust_bytes());
  review.cli.file("trust.json", pinned.trust_bytes());
  CHECK(review.decide({"--yes", "--trust", "other.json"}) == 4);
  CHECK(review.decide({"--yes", "--trust", "trust.json"}) == 0);
}

TEST_CASE("with a pinned document, its signed head must say what would be replaced") {
  Review review;
  test::TestStore pinned("example.com/store");
  review.cli.file("document.json", pinned.trust_bytes());
  // As Kubernetes mounts what it is given.
  std::filesystem::create_symlink("document.json", review.cli.path("trust.json"));
  const auto decide = [&] {
    review.sent = nullptr;
    const int code = review.decide({"--yes", "--trust", "trust.json"});
    CHECK(review.sent.is_null() == (code != 0));
    return code;
  };

  test::TestStore impostor("example.com/store", 2);
  review.answer_head(impostor);
  CHECK(decide() == 4);

  pinned.change_head = [](HeadStatement& head) { head.refs.front().commit = std::string(40, 'a'); };
  review.answer_head(pinned);
  CHECK(decide() == 4);
  CHECK(review.cli.err.find("stands at " + std::string(40, 'a')) != std::string::npos);

  pinned.change_head = [](HeadStatement& head) { head.refs.clear(); };
  review.answer_head(pinned);
  CHECK(decide() == 4);

  pinned.change_head = [](HeadStatement& head) {
    head.expires = head.issued + std::chrono::seconds(1);
  };
  review.answer_head(pinned);
  review.cli.clock.time = pinned.now + std::chrono::seconds(2);
  CHECK(decide() == 7);

  pinned.change_head = nullptr;
  review.answer_head(pinned);
  CHECK(decide() == 0);

  // A target that the promotion calls new must be new to the head as well.
  review.promotion["target"]["base"] = nullptr;
  CHECK(decide() == 4);
  pinned.change_head = [](HeadStatement& head) { head.refs.clear(); };
  review.answer_head(pinned);
  CHECK(decide() == 4);  // as for somebody who may read nothing
  const HeadStatement::Ref source{"platform", "refs/heads/audit", 1, review.commit, review.tree};
  pinned.change_head = [&](HeadStatement& head) { head.refs = {source}; };
  review.answer_head(pinned);
  CHECK(decide() == 0);

  // Nor may it be a head of the source's repository alone, when the target is in another one.
  review.promotion["target"]["repository"] = "production";
  CHECK(decide() == 4);
  pinned.change_head = [&](HeadStatement& head) {
    head.refs = {source, {"system", "refs/heads/audit", 1, review.commit, review.tree}};
  };
  review.answer_head(pinned);
  CHECK(decide() == 0);
}

TEST_CASE("a pinned commit that the repository does not have is not found") {
  Review review;
  review.promotion["source"]["commit"] = std::string(40, 'a');
  CHECK(review.decide({"--yes"}) != 0);
  CHECK(review.sent.is_null());
}

TEST_CASE("names that would lead outside of the server's repositories are refused") {
  for (const char* name : {"../other", "a/../b", "", "-x", "a.git"}) {
    Review review;
    review.promotion["source"]["repository"] = name;
    CAPTURE(name);
    CHECK(review.decide({"--yes"}) == 2);
  }
}

TEST_CASE("an approval is a DSSE envelope that the reviewer's SSH key signed") {
  Review review;
  CHECK(review.decide({"--expect-tree", review.tree}) == 0);
  const DsseEnvelope envelope = DsseEnvelope::parse(dump_json(review.sent)).value();
  REQUIRE(envelope.signatures.size() == 1);
  const auto verified =
      verify_dsse_ssh(envelope, envelope.signatures.front(), "approval@statehouse");
  REQUIRE(verified.has_value());
  CHECK(verified->key() == SshPublicKey::from_ed25519(review.key.public_key()));
  const ApprovalStatement statement = ApprovalStatement::parse(envelope.payload).value();
  CHECK(statement.tree == review.tree);
  CHECK(statement.verdict == ApprovalVerdict::kApprove);
  CHECK(statement.issued == review.cli.clock.time);
  CHECK_FALSE(statement.expires);
}

TEST_CASE("what is asked on a terminal shows the tree, the route and the files") {
  Review review;
  review.cli.terminal = StreamKind::kTerminal;
  review.cli.typed = "yes\n";
  CHECK(review.decide({}) == 0);
  for (const std::string& part :
       {review.tree, review.commit, std::string("added b.yaml"), std::string("modified a.yaml"),
        std::string("commits new to the target: 1"), std::string("example.com/store"), review.base,
        sha256_digest_text("policy"), std::string("\n-1\n"), std::string("\n+2\n")}) {
    CAPTURE(part);
    CHECK(review.cli.err.find(part) != std::string::npos);
  }
}

TEST_CASE("the expiry that will be signed is shown before it is") {
  Review review;
  review.cli.terminal = StreamKind::kTerminal;
  CHECK(review.decide({"--expires", "24h"}) == 5);
  const Timestamp expires = review.cli.clock.time + std::chrono::hours(24);
  CHECK(review.cli.err.find("good until     " + expires.rfc3339()) != std::string::npos);
}

TEST_CASE("promotion diff shows every change in full, and nothing that drives a terminal") {
  Review review({{"a.yaml", "2"},
                 {"esc.yaml", "\x1b[2Jx\r\n\xe2\x80\xae\xff\ty\\z\n"},
                 {"nul.bin", std::string("a\0b", 3)}});
  CHECK(review.cli.run({"promotion", "diff", "12"}) == 0);
  const std::string& out = review.cli.out;
  for (const std::string& part :
       {std::string("\n-1\n"), std::string("\n+2\n"), std::string("\n+<U+001b>[2Jx<U+000d>\n"),
        std::string("\n+<U+202e><0xff>\ty\\z\n"), std::string("Binary files"),
        "--expect-tree " + review.tree}) {
    CAPTURE(part);
    CHECK(out.find(part) != std::string::npos);
  }
  CHECK(out.find('\x1b') == std::string::npos);
}

TEST_CASE("promotion diff refuses a server that lies about the tree") {
  Review review;
  review.promotion["tree"]["sha1"] = std::string(40, 'a');
  CHECK(review.cli.run({"promotion", "diff", "12"}) == 4);
  CHECK(review.cli.out.empty());
}

TEST_CASE("a long change is not pushed through the question, and where to see it is said") {
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += "line " + std::to_string(i) + "\n";
  Review review({{"a.yaml", "2"}, {"long.yaml", lines}});
  review.cli.terminal = StreamKind::kTerminal;
  review.cli.typed = "yes\n";
  CHECK(review.decide({}) == 0);
  CHECK(review.cli.err.find("line 299") == std::string::npos);
  CHECK(review.cli.err.find("statehouse promotion diff 12") != std::string::npos);
}

TEST_CASE("commits that the server leaves out are pointed out") {
  Review review;
  review.cli.terminal = StreamKind::kTerminal;
  review.cli.typed = "yes\n";
  review.promotion["commits"] = Json::array();
  CHECK(review.decide({}) == 0);
  CHECK(review.cli.err.find("1 that the server does not list") != std::string::npos);
}

TEST_CASE("commits below a declared baseline are counted apart") {
  Review review;
  review.cli.terminal = StreamKind::kTerminal;
  review.cli.typed = "yes\n";
  review.promotion["target"]["base"] = nullptr;
  review.promotion["commits"][0]["baseline"] = true;
  CHECK(review.decide({}) == 0);
  CHECK(review.cli.err.find("commits new to the target: 2") != std::string::npos);
  CHECK(review.cli.err.find("and 1 below what the server says is a declared baseline") !=
        std::string::npos);
  CHECK(review.cli.err.find("does not list") == std::string::npos);
}

TEST_CASE("a rejection and an expiry are part of what is signed") {
  Review review;
  CHECK(review.decide({"--yes", "--expires", "24h"}, "reject") == 0);
  const DsseEnvelope envelope = DsseEnvelope::parse(dump_json(review.sent)).value();
  const ApprovalStatement statement = ApprovalStatement::parse(envelope.payload).value();
  CHECK(statement.verdict == ApprovalVerdict::kReject);
  CHECK(statement.expires == review.cli.clock.time + std::chrono::hours(24));
}

TEST_CASE("only the target's own changes can be given up, and they are signed") {
  Review review;
  review.promotion["targetOwnChanges"] = {3, 4};
  CHECK(review.decide({"--yes", "--drop", "2"}) == 2);
  CHECK(review.decide({"--yes", "--drop", "3x"}) == 2);
  CHECK(review.sent.is_null());
  CHECK(review.decide({"--yes", "--drop", "4", "--drop", "3"}) == 0);
  const DsseEnvelope envelope = DsseEnvelope::parse(dump_json(review.sent)).value();
  CHECK(ApprovalStatement::parse(envelope.payload).value().drops ==
        std::vector<std::uint64_t>{3, 4});
}

TEST_CASE("what the server says is given up is not signed, and the person is told of it") {
  Review review;
  review.promotion["drops"] = {3};
  review.promotion["targetOwnChanges"] = {3, 4};
  review.change_statement = [](ApprovalStatement& statement) { statement.drops = {3}; };
  CHECK(review.decide({"--expect-tree", review.tree}) == 4);
  CHECK(review.cli.err.find("`drops`") != std::string::npos);
  CHECK(review.decide({"--yes", "--drop", "3"}) == 4);
  CHECK(review.sent.is_null());

  const auto signed_drops = [&] {
    const DsseEnvelope envelope = DsseEnvelope::parse(dump_json(review.sent)).value();
    return ApprovalStatement::parse(envelope.payload).value().drops;
  };
  review.change_statement = nullptr;
  CHECK(review.decide({"--expect-tree", review.tree}) == 0);
  CHECK(signed_drops().empty());

  review.cli.terminal = StreamKind::kTerminal;
  review.cli.typed = "yes\n";
  CHECK(review.decide({"--drop", "4"}) == 0);
  CHECK(signed_drops() == std::vector<std::uint64_t>{4});
  for (const char* part :
       {"gives up the target's own changes of version 4\n",
        "does not give up the target's own changes of version 3, which others did"}) {
    CAPTURE(part);
    CHECK(review.cli.err.find(part) != std::string::npos);
  }
}

TEST_CASE("an OpenPGP key signs with gpg, and the envelope names its primary key") {
  Review review;
  const TemporaryDirectory home = TemporaryDirectory::create("/tmp", "g-").value();
  const auto gpg = [&](std::vector<std::string> arguments) {
    SubprocessOptions options;
    options.arguments = std::move(arguments);
    options.environment = minimal_environment();
    options.environment.emplace_back("GNUPGHOME", home.path().string());
    return run_subprocess(options).value();
  };
  REQUIRE(gpg({"gpg", "--batch", "--passphrase", "", "--quick-gen-key", "bob@example.org",
               "ed25519", "sign", "never"})
              .succeeded());
  review.cli.variables["GNUPGHOME"] = home.path().string();
  CHECK(review.decide({"--yes", "--key", "bob@example.org"}) == 2);  // given twice
  const int code =
      review.cli.run({"promotion", "approve", "12", "--yes", "--key", "bob@example.org"});
  CAPTURE(review.cli.err);
  CHECK(code == 0);
  const DsseEnvelope envelope = DsseEnvelope::parse(dump_json(review.sent)).value();
  CHECK(envelope.signatures.front().key_id.size() == 40);
  CHECK(envelope.signatures.front().bytes.starts_with("-----BEGIN PGP SIGNATURE-----"));
  gpg({"gpgconf", "--homedir", home.path().string(), "--kill", "all"});
}

TEST_CASE("a key that cannot be used is refused before anything is asked") {
  Review review;
  review.cli.file("notakey", "hello");
  for (const char* name : {"notakey", "absent/key", "-f", ""}) {
    CAPTURE(name);
    const int code = review.cli.run({"promotion", "approve", "12", "--yes", "--key", name});
    CHECK((code == 2 || code == 3));
    CHECK(review.cli.requests.empty());
  }
}

TEST_CASE("promotion show is the reviewer's screen") {
  Review review;
  review.promotion["next"] = "statehouse promotion approve 12";
  review.promotion["required"] = {{{"count", 1}, {"from", {"group:reviewers"}}, {"have", 0}}};
  review.promotion["approvals"] = {{{"identity", "alice"},
                                    {"verdict", "approve"},
                                    {"received", "2026-03-01T00:00:00.000Z"},
                                    {"counts", false},
                                    {"reason", "authored a commit"}}};
  review.cli.answer("GET /v1/promotions/12/changes",
                    {{"number", 12}, {"changes", {{{"path", "b.yaml"}, {"change", "added"}}}}});
  CHECK(review.cli.run({"promotion", "show", "12"}) == 0);
  for (const char* part :
       {"promotion 12 through flow deploy: open, blocked by approvals", "signed by alice",
        "A b.yaml", "0 of 1 from group:reviewers", "does not count: authored a commit",
        "next: statehouse promotion approve 12", "(version 4, "}) {
    CAPTURE(part);
    CHECK(review.cli.out.find(part) != std::string::npos);
  }
}

TEST_CASE("promotion show --watch shows each change once, and ends with the promotion") {
  Review review;
  int looks = 0;
  review.cli.wait = [&](Milliseconds) {
    if (++looks == 2) review.promotion["state"] = "merged";
    return true;
  };
  CHECK(review.cli.run({"promotion", "show", "12", "--watch", "-o", "jsonl"}) == 0);
  CHECK(looks == 2);
  CHECK(std::count(review.cli.out.begin(), review.cli.out.end(), '\n') == 2);
}

TEST_CASE("promotion show works for who may not read the target, and does not call it new") {
  Review review;
  review.promotion["target"]["base"] = nullptr;
  review.promotion["target"]["baseVersion"] = nullptr;
  review.promotion["state"] = "merged";
  review.promotion["merged"] = {{"version", nullptr},
                                {"commit", nullptr},
                                {"time", "2026-03-01T00:00:00.000Z"},
                                {"mergedBy", "bob"},
                                {"entry", 9}};
  CHECK(review.cli.run({"promotion", "show", "12"}) == 0);
  CHECK(review.cli.out.find("refs/heads/deploy (not yours to read)") != std::string::npos);
  CHECK(review.cli.out.find("  merged  at 2026-03-01T00:00:00.000Z by bob, log entry 9\n") !=
        std::string::npos);
  CHECK(review.cli.out.find("changed files") == std::string::npos);
}

TEST_CASE("promotion wait ends when it is there, when it cannot come, and when time is up") {
  Review review;
  review.cli.wait = [&](Milliseconds duration) {
    review.cli.clock.time = review.cli.clock.time + duration;
    return true;
  };
  CHECK(review.cli.run({"promotion", "wait", "12", "--timeout", "10s"}) == 7);
  CHECK(review.cli.err.find("promotion 12 is not merged after 10s: it is open, blocked by "
                            "approvals\n") != std::string::npos);
  review.promotion["phase"] = "ready";
  review.promotion["blockedBy"] = Json::array();
  CHECK(review.cli.run({"promotion", "wait", "12", "--timeout", "10s"}) == 7);
  CHECK(review.cli.err.find("after 10s: it is open, ready\n") != std::string::npos);
  review.promotion["state"] = "closed";
  review.promotion["phase"] = nullptr;
  CHECK(review.cli.run({"promotion", "wait", "12"}) == 6);
  CHECK(review.cli.err.find("promotion 12 is closed: it will not become merged") !=
        std::string::npos);
  CHECK(review.cli.run({"promotion", "wait", "12", "--for", "closed"}) == 0);
  CHECK(review.cli.run({"promotion", "wait", "12", "--for", "ready"}) == 6);
  review.promotion["state"] = "merged";
  CHECK(review.cli.run({"promotion", "wait", "12"}) == 0);
  CHECK(review.cli.run({"promotion", "wait", "12", "--for", "closed"}) == 6);
  CHECK(review.cli.err.find("\nsee how it ended: statehouse promotion show 12\n") !=
        std::string::npos);
}

TEST_CASE("a promotion that was merged has been ready; a superseded one can only be closed") {
  Review review;
  review.promotion["state"] = "merged";
  review.promotion["phase"] = nullptr;
  CHECK(review.cli.run({"promotion", "wait", "12", "--for", "ready"}) == 0);
  review.promotion["state"] = "open";
  review.promotion["phase"] = "superseded";
  CHECK(review.cli.run({"promotion", "wait", "12", "--for", "ready"}) == 6);
  CHECK(review.cli.run({"promotion", "wait", "12", "--for", "merged"}) == 6);
  CHECK(review.cli.err.find("promotion update 12") != std::string::npos);
  CHECK(review.cli.run({"promotion", "wait", "12", "--for", "closed", "--timeout", "1s"}) == 7);
}

TEST_CASE("a superseded promotion is called that, and nobody is told to approve it") {
  Review review;
  review.promotion["phase"] = "superseded";
  review.promotion["blockedBy"] = {"superseded", "approvals"};
  review.promotion["next"] = "statehouse promotion close 12";
  review.promotion["decision"] = {
      {"allow", false},
      {"rules",
       {{{"policy", "flow:deploy"}, {"rule", "superseded"}, {"pass", false}, {"reason", "old"}},
        {{"policy", "flow:deploy"},
         {"rule", "approvals"},
         {"pass", false},
         {"reason", "none yet"},
         {"fix", "statehouse promotion approve 12"}}}}};
  review.cli.answer("GET /v1/promotions/12/changes", {{"changes", Json::array()}});
  CHECK(review.cli.run({"promotion", "show", "12"}) == 0);
  CHECK(review.cli.out.find(": open, superseded\n") != std::string::npos);
  CHECK(review.cli.out.find("flow:deploy/superseded: old") != std::string::npos);
  CHECK(review.cli.out.find("promotion approve") == std::string::npos);
}

}  // namespace statehouse
