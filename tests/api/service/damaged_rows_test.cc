#include <algorithm>

#include "api/service/integrity.h"
#include "store/ledger/sqlite.h"
#include "tests/api/service/service_fixture.h"

// Rows of the database that no server wrote.

namespace statehouse::test {

namespace {

/// A store with two refs, one row of which was changed by `sql` while nobody looked.
class DamagedRow : public ServiceFixture {
 public:
  DamagedRow() {
    push_commit();
    const Oid made = workshop.commit({.files = {{"topic.yaml", "a: 1\n"}}});
    REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", made}}).accepted());
    settle();
  }

  void reopen_after(const std::string& sql) {
    Database database = must(Database::open(store->layout().ledger(), Database::Mode::kReadWrite));
    must(database.execute(sql));
    reopen();
  }

  bool has_alarm(std::string_view words) {
    return std::ranges::any_of(core().alarms.list(), [&](const Alarm& alarm) {
      return alarm.what == "row" && alarm.where.find(words) != std::string::npos;
    });
  }

  void check_serves_and_writes_nothing() {
    const auto view = store->fetches().view(as("carol"), must(RepositoryName::parse("platform")));
    CHECK(must(view).find(key_of("platform:refs/heads/audit").ref) != nullptr);
    REQUIRE(core().ledger.health().stopped);
    const Oid made = commit({.files = {{"more.yaml", "a: 1\n"}}});
    const ProposedMove move{key_of("platform:refs/heads/audit"), tip("platform:refs/heads/audit"),
                            made};
    CHECK_FALSE(push_moves("alice", "platform", {move}, workshop.pack({made})));
  }

  /// Whether fsck runs to its end and says these words.
  bool fsck_says(std::string_view words) {
    const IntegrityReport report = must(check_integrity(*store, RefRepair::kReportOnly, nullptr));
    CHECK_FALSE(report.ok());
    return std::ranges::any_of(report.findings, [&](const IntegrityFinding& finding) {
      return finding.what.find(words) != std::string::npos;
    });
  }
};

}  // namespace

TEST_CASE_FIXTURE(DamagedRow, "a licence that names no ref is a finding and licences nothing") {
  reopen_after(
      "INSERT INTO outbox (id, kind, payload, created) VALUES (777, 'publish_refs', x'', 0)");
  CHECK(has_alarm("outbox row 777"));
  check_serves_and_writes_nothing();
  CHECK(fsck_says("outbox row 777"));
}

TEST_CASE_FIXTURE(DamagedRow, "an owed statement that is no JSON is a finding") {
  reopen_after(
      "INSERT INTO outbox (id, kind, payload, created) VALUES "
      "(777, 'issue_statement', CAST('a' AS BLOB), 0)");
  CHECK(has_alarm("outbox row 777"));
  check_serves_and_writes_nothing();
  CHECK(fsck_says("outbox row 777"));
}

TEST_CASE_FIXTURE(DamagedRow, "an owed statement of no version is a finding") {
  reopen_after(
      "INSERT INTO outbox (id, kind, payload, created) VALUES "
      "(777, 'issue_statement', CAST('{}' AS BLOB), 0)");
  CHECK(has_alarm("outbox row 777"));
  push_commit({.files = {{"more.yaml", "a: 1\n"}}});
  settle();
}

TEST_CASE_FIXTURE(DamagedRow, "a ref with a name that none has hides no other") {
  reopen_after("UPDATE refs SET ref = 'refs/heads/a..b' WHERE ref = 'refs/heads/topic/a'");
  CHECK(has_alarm("refs/heads/a..b"));
  check_serves_and_writes_nothing();
  CHECK(fsck_says("refs/heads/a..b"));
}

TEST_CASE_FIXTURE(DamagedRow, "a repository with a name that none has hides no other") {
  SUBCASE("one more") {
    reopen_after("INSERT INTO repositories (name, created) VALUES ('No Name', 0)");
  }
  SUBCASE("one that refs are in") {
    reopen_after("UPDATE repositories SET name = 'No Name' WHERE name = 'platform'");
  }
  CHECK(has_alarm("No Name"));
  check_serves_and_writes_nothing();
  CHECK(fsck_says("No Name"));
}

}  // namespace statehouse::test
