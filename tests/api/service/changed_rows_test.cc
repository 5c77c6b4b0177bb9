#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "api/service/integrity.h"
#include "crypto/dsse.h"
#include "crypto/sha256.h"
#include "store/ledger/sqlite.h"
#include "tests/api/service/service_fixture.h"

// Somebody who can write the disk, and has none of the store's keys, changes a row for a while.

namespace statehouse::test {

namespace {

/// Verbs of somebody with the ledger's file, and of who looks afterwards.
class ChangedRows : public ServiceFixture {
 public:
  void execute(const std::string& sql) {
    Database database = must(Database::open(store->layout().ledger(), Database::Mode::kReadWrite));
    must(database.execute(sql));
  }
  /// Changes rows of `table`, and keeps what they were.
  void change(const std::string& table, const std::string& sql) {
    execute("CREATE TABLE kept AS SELECT * FROM " + table + "; UPDATE " + table + " SET " + sql);
  }
  void put_back(const std::string& table) {
    execute("DELETE FROM " + table + "; INSERT INTO " + table +
            " SELECT * FROM kept; DROP TABLE kept");
  }

  [[nodiscard]] bool has_alarm(std::string_view what) {
    return std::ranges::any_of(core().alarms.list(),
                               [&](const Alarm& alarm) { return alarm.what == what; });
  }
  [[nodiscard]] std::vector<IntegrityFinding> findings() {
    return must(check_integrity(*store, RefRepair::kReportOnly, nullptr)).findings;
  }
  [[nodiscard]] bool finds(std::string_view where, std::string_view what) {
    return std::ranges::any_of(findings(), [&](const IntegrityFinding& finding) {
      return finding.where.contains(where) && finding.what.contains(what);
    });
  }

  /// The tree of platform's audit branch.
  [[nodiscard]] Oid audit_tree() { return state("platform:refs/heads/audit")->content->tree; }

  /// Records a move that nobody decided, which starts as a copy of the newest of `key`.
  void record_undecided(std::string_view key, const std::function<void(VersionDraft&)>& change) {
    const RefKey ref = key_of(key);
    const VersionRecord newest = *must(ledger().version(ref, version(key)));
    must(core().ledger.commit([&](Transaction& transaction) -> Result<> {
      VersionDraft draft = newest;
      draft.version = newest.version + 1;
      change(draft);
      TRY(transaction.record_version(draft));
      return {};
    }));
  }
};

std::string blob(const Oid& oid) { return "x'" + oid.hex() + "'"; }

constexpr std::string_view kMorePolicy =
    "apiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: more}\nspec:\n"
    "  match: {repositories: [platform], refs: [refs/heads/more]}\n"
    "  update: {by: [group:developers]}\n";

const std::string kNewestConfiguration =
    " WHERE repository = 'system' AND ref = 'refs/heads/deploy' AND version = (SELECT max(version) "
    "FROM versions WHERE repository = 'system' AND ref = 'refs/heads/deploy')";

}  // namespace

TEST_CASE_FIXTURE(ChangedRows, "the configuration in force is the log's, whatever a row says") {
  REQUIRE(push_configuration({{"more.yaml", std::string(kMorePolicy)}}).accepted());
  settle();
  const Oid evil = state("system:refs/heads/audit")->content->tree;
  const VersionNumber promoted = version("system:refs/heads/deploy");
  change("versions", "tree_oid = " + blob(evil) + kNewestConfiguration);
  reopen();
  CHECK(has_alarm("log"));
  CHECK(core().configuration.current()->version == promoted);
  CHECK(core().configuration.current()->configuration.policy(name_of_resource("more")) == nullptr);
  const Oid made = commit();
  const std::vector<ProposedMove> moves{{key_of("platform:refs/heads/more"), std::nullopt, made}};
  CHECK_FALSE(push_moves("alice", "platform", moves, workshop.pack({made})).has_value());
  put_back("versions");
  reopen();
  CHECK_FALSE(has_alarm("log"));
  CHECK(push("alice", "platform", {{"refs/heads/more", made}}).denied_by("store/ungoverned"));
}

TEST_CASE_FIXTURE(ChangedRows,
                  "a version of the configuration that there cannot be stops no start") {
  settle();
  execute("UPDATE refs SET version = 9000000000000000000 WHERE repository = 'system'");
  reopen();
  CHECK(has_alarm("log"));
  CHECK(has_alarm("configuration"));
  CHECK(core().configuration.current()->version == 2);
}

TEST_CASE_FIXTURE(ChangedRows, "a log that proves nothing leaves the store readable") {
  push_commit();
  settle();
  execute("DELETE FROM checkpoints");
  reopen();
  CHECK(has_alarm("log"));
  CHECK(state("platform:refs/heads/audit"));
  const Oid made = commit();
  const std::vector<ProposedMove> moves{
      {key_of("platform:refs/heads/audit"), tip("platform:refs/heads/audit"), made}};
  CHECK_FALSE(push_moves("alice", "platform", moves, workshop.pack({made})).has_value());
}

TEST_CASE_FIXTURE(ChangedRows, "fsck makes again what it can of the decisions in the log") {
  push_commit();
  promote("deploy");
  settle();
  REQUIRE(findings().empty());
  const std::string where = "platform:refs/heads/audit@2";
  const std::string promoted = "platform:refs/heads/deploy@2";
  SUBCASE("policies of another configuration") {
    record_undecided("platform:refs/heads/audit",
                     [](VersionDraft& draft) { draft.policy_digest = sha256_digest_text("none"); });
    CHECK(finds(where, "has other policies for it"));
  }
  SUBCASE("a configuration that was not in force") {
    record_undecided("platform:refs/heads/audit",
                     [](VersionDraft& draft) { draft.configuration = 1; });
    CHECK(finds(where, "was in force"));
  }
  SUBCASE("a tree that is another commit's") {
    const Oid other = state("system:refs/heads/audit")->content->tree;
    record_undecided("platform:refs/heads/audit",
                     [&](VersionDraft& draft) { draft.content->tree = other; });
    CHECK(finds(where, "its tree is"));
  }
  SUBCASE("a promotion that pinned another tree") {
    push_commit({.files = {{"apps/shop.yaml", "kind: Secret\n"}}});
    const PromotionNumber number = open("alice", "deploy");
    record_undecided("platform:refs/heads/deploy",
                     [&](VersionDraft& draft) { draft.promotion = number; });
    CHECK(finds(promoted, "does not have the tree that promotion"));
    CHECK(finds("version " + promoted, "pinned last"));
  }
  SUBCASE("no seal of the commit that was pinned") {
    const Oid same = push_commit({.tree = audit_tree(), .message = "Nothing\n"});
    const VersionContent content = state("platform:refs/heads/audit")->content.value();
    push_commit({.tree = audit_tree(), .message = "Nothing more\n"});
    const PromotionNumber number = open("alice", "deploy");
    record_undecided("platform:refs/heads/deploy", [&](VersionDraft& draft) {
      draft.promotion = number;
      draft.content = content;
    });
    CHECK(finds(promoted, "is not a seal of the commit"));
    CHECK(same == content.commit);
  }
  SUBCASE("a promotion that nobody opened") {
    record_undecided("platform:refs/heads/deploy",
                     [](VersionDraft& draft) { draft.promotion = 99; });
    CHECK(finds(promoted, "no entry opened promotion 99"));
  }
}

TEST_CASE_FIXTURE(ChangedRows, "a row of a promotion that was changed decides no merge") {
  // No approval binds what is merged.
  std::string text = organisation();
  const std::string approvals =
      "  merge: {by: [group:reviewers]}\n  approvals: [{count: 1, from: [group:reviewers], "
      "validFor: 7d}]\n";
  text.replace(text.find(approvals), approvals.size(), "  merge: {by: [group:reviewers]}\n");
  declare({{"organisation.yaml", text}});
  const Oid first = push_commit();
  const Oid first_tree = audit_tree();
  PromotionNumber number = 0;
  SUBCASE("as it was opened") {
    push_commit({.files = {{"apps/shop.yaml", "kind: Secret\n"}}});
    number = open("alice", "deploy");
  }
  SUBCASE("as it was updated") {
    number = open("alice", "deploy");
    const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secret\n"}}});
    must(store->promotions().update(as("alice"), number, next));
  }
  for (const std::string& harm :
       {"tree_oid = " + blob(first_tree), std::string("tree_digest = 'sha256:00'"),
        "source_commit = " + blob(first), std::string("source_commit_digest = 'sha256:00'"),
        std::string("source_ref = 'refs/heads/other'"), std::string("flow = 'mirror'"),
        std::string("target_repository = 'mirror'"), std::string("opener = 'carol'"),
        std::string("title = 'Other'"), std::string("revision = 3"),
        std::string("base_version = 7"), std::string("updated = updated + 1"),
        std::string("opened = opened - 1"), std::string("number = 99")}) {
    CAPTURE(harm);
    change("promotions", harm + " WHERE number = " + std::to_string(number));
    const auto merged = merge("bob", harm.starts_with("number") ? 99 : number);
    put_back("promotions");
    CHECK_FALSE(merged.has_value());
    CHECK_FALSE(state("platform:refs/heads/deploy"));
  }
  CHECK(has_alarm("promotion"));
  accepted(merge("bob", number));
  CHECK(state("platform:refs/heads/deploy")->content->tree == audit_tree());
}

TEST_CASE_FIXTURE(ChangedRows,
                  "no row makes commits reviewed that the last promotion did not bring") {
  push_commit();
  promote("deploy");
  settle();
  const Oid unseen = push_commit({.author = "bob", .files = {{"apps/shop.yaml", "kind: Bob\n"}}});
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  const PromotionNumber number = open("alice", "deploy");
  // Bob may not approve what he wrote, unless it counts as brought already.
  accepted(approve("bob", number));
  REQUIRE(refusal_of(merge("carol", number)).contains("self-approval"));
  execute("UPDATE promotions SET source_commit = " + blob(unseen) +
          " WHERE state = 'merged' AND "
          "flow = 'deploy'; UPDATE versions SET commit_oid = " +
          blob(next) + " WHERE repository = 'platform' AND ref = 'refs/heads/deploy'");
  CHECK(code_of(merge("carol", number)) == ErrorCode::kCorrupt);
}

namespace {

const std::string kSecondOfAudit =
    " WHERE repository = 'platform' AND ref = 'refs/heads/audit' AND version = 2";

/// Three versions of platform's audit branch; those after the first have no statement yet.
class OwedStatements : public ChangedRows {
 public:
  OwedStatements() {
    push_commit();
    settle();
    first_tree = audit_tree();
    steps.break_before("statement.record");
    push_commit({.files = {{"apps/shop.yaml", "kind: Secret\n"}}});
    push_commit({.files = {{"apps/shop.yaml", "kind: Third\n"}}});
    settle();
    REQUIRE_FALSE(statement(2));
  }

  [[nodiscard]] std::optional<VersionStatement> statement(VersionNumber number) {
    const auto record = must(ledger().statement(key_of("platform:refs/heads/audit"), number));
    if (!record) return std::nullopt;
    return must(VersionStatement::parse(must(DsseEnvelope::parse(record->envelope)).payload));
  }
  [[nodiscard]] VersionRecord logged(VersionNumber number) {
    return must(ledger().version(key_of("platform:refs/heads/audit"), number)).value();
  }
  /// Once more what failed before.
  void try_again() {
    store->housekeeper().owe({}, false);
    settle();
  }

  Oid first_tree;
};

}  // namespace

TEST_CASE_FIXTURE(OwedStatements, "no statement is signed of what the log does not say") {
  for (const std::string& harm :
       {"tree_oid = " + blob(first_tree), "commit_oid = " + blob(logged(1).content->commit),
        std::string("tree_digest = 'sha256:00'"), std::string("kind = 'promotion'"),
        std::string("policy_digest = 'sha256:00'"), std::string("time = time - 1"),
        std::string("entry = 1000"), std::string("version = 9"),
        std::string("commit_oid = NULL, commit_digest = NULL, tree_oid = NULL, tree_digest = NULL, "
                    "kind = 'delete'")}) {
    CAPTURE(harm);
    change("versions", harm + kSecondOfAudit);
    steps.heal();
    reopen();
    settle();
    CHECK(has_alarm("statement"));
    CHECK_FALSE(statement(2));
    CHECK_FALSE(statement(3));
    steps.break_before("statement.record");
    put_back("versions");
  }
  steps.heal();
  try_again();
  REQUIRE(statement(2));
  CHECK(statement(2)->tree == logged(2).content->tree.hex());
  CHECK(statement(3));
  CHECK_FALSE(has_alarm("statement"));
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(OwedStatements, "a statement names the one before it as the log does") {
  const std::string honest =
      must(ledger().statement(key_of("platform:refs/heads/audit"), 1))->payload_digest;
  change("statements", "payload_digest = 'sha256:" + std::string(64, '0') + "'");
  steps.heal();
  try_again();
  CHECK_FALSE(statement(2));
  put_back("statements");
  try_again();
  REQUIRE(statement(2));
  CHECK(statement(2)->previous == honest);
}

TEST_CASE_FIXTURE(OwedStatements, "fsck reads what a statement says, not only who signed it") {
  VersionStatement said = version_statement(core(), logged(2), {sha256_digest_text("tar"), 3},
                                            sha256_digest_text("none"));
  SUBCASE("another tree") { said.tree = first_tree.hex(); }
  SUBCASE("another one before it") {}
  const std::string payload = said.payload();
  StatementRecord record{.key = key_of("platform:refs/heads/audit"), .version = 2};
  record.payload_digest = sha256_digest_text(payload);
  record.envelope = sign_dsse(kInTotoPayloadType, payload, core().keys.statement_key()).serialise();
  record.archive_digest = sha256_digest_text("tar");
  record.archive_bytes = 3;
  must(core().ledger.commit([&](Transaction& transaction) -> Result<> {
    TRY(transaction.record_statement(record, {}));
    return {};
  }));
  CHECK(finds("platform:refs/heads/audit@2", "says something else than the log"));
}

TEST_CASE_FIXTURE(ChangedRows, "what cannot be looked at hides nothing else from fsck") {
  push_commit();
  settle();
  REQUIRE(findings().empty());
  const Path archives = store->layout().archives();
  std::filesystem::create_directory(archives / "a.tar");
  REQUIRE(::mkfifo((archives / "b.tar").c_str(), 0600) == 0);
  std::filesystem::create_symlink("/dev/zero", archives / "c.tar");
  execute("UPDATE versions SET commit_oid = x'00' WHERE repository = 'platform'");
  CHECK(finds("snapshots", "a.tar: it is no regular file"));
  CHECK(finds("snapshots", "b.tar: it is no regular file"));
  CHECK(finds("snapshots", "c.tar: it is no regular file"));
  CHECK(finds("platform", "it could not be checked"));
  CHECK(finds("log version platform:refs/heads/audit@1", ""));
  execute("UPDATE refs SET version = 9000000000000000000");
  CHECK(finds("log ref platform:refs/heads/audit", "does not stand where"));
}

TEST_CASE_FIXTURE(ChangedRows, "the scrubber is not silenced by a folder among the archives") {
  push_commit();
  settle();
  std::filesystem::create_directory(store->layout().archives() / "x.tar");
  execute("UPDATE statements SET archive_bytes = 1");
  Scrubber scrubber(*store, Milliseconds(0), std::chrono::hours(1));
  scrubber.start();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto scrubbed = [&](std::string_view where) {
    return std::ranges::any_of(core().alarms.list(), [&](const Alarm& alarm) {
      return alarm.what == "scrub" && alarm.where.starts_with(where);
    });
  };
  while (!scrubbed("snapshots") && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(scrubbed("snapshots"));
  CHECK(scrubbed("log statement"));
}

}  // namespace statehouse::test
