#include "tests/store/ledger/fixture.h"

namespace statehouse {

namespace {

const char* const kHighWaterSteps[] = {"high-water.write", "high-water.sync"};

}  // namespace

TEST_CASE_FIXTURE(LedgerFixture,
                  "a commit that fails before its effect wrote nothing and goes on") {
  append_many(2);
  steps.fail("ledger.commit", FailingSteps::When::kBefore);
  CHECK(append().error().code == ErrorCode::kUnavailable);
  CHECK(read().tree_size() == 2);
  CHECK_FALSE(ledger().health().stopped);
  steps.heal();
  CHECK(append()->index == 2);
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "a commit whose answer is lost stops the ledger until restart") {
  append_many(2);
  steps.fail("ledger.commit", FailingSteps::When::kAfter);
  CHECK(append().error().code == ErrorCode::kInternal);
  steps.heal();
  CHECK(append().error().code == ErrorCode::kUnavailable);
  CHECK(stopped_code() == ErrorCode::kUnavailable);
  CHECK(read().tree_size() == 2);  // what is published never runs ahead of the high-water file
  reopen();
  CHECK(read().tree_size() == 3);
  CHECK(append()->index == 3);
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "a job's own error is its answer even when the batch is lost") {
  steps.fail("ledger.commit", FailingSteps::When::kAfter);
  CHECK(ledger().commit([](Transaction&) -> Result<> { return denied("no"); }).error().code ==
        ErrorCode::kDenied);
  CHECK_FALSE(ledger().health().stopped);
}

TEST_CASE("whatever step of the high-water file fails, restart finds the entry and goes on") {
  for (const char* step : kHighWaterSteps) {
    for (const auto when : {FailingSteps::When::kBefore, FailingSteps::When::kAfter}) {
      CAPTURE(step);
      LedgerFixture f;
      f.append_many(1);
      f.steps.fail(step, when);
      CHECK(f.append().error().code == ErrorCode::kInternal);
      CHECK(f.append().error().code == ErrorCode::kUnavailable);
      CHECK(f.read().tree_size() == 1);
      f.steps.heal();
      f.reopen();
      CHECK(f.read().tree_size() == 2);
      CHECK(f.newest_high_water() == f.read().checkpoint().note);
      CHECK(f.append()->index == 2);
      CHECK(f.findings().empty());
    }
  }
}

TEST_CASE_FIXTURE(LedgerFixture, "an open that cannot bring the high-water file up to date fails") {
  steps.fail("high-water.write", FailingSteps::When::kBefore);
  CHECK_FALSE(append());
  close();
  CHECK_FALSE(Ledger::open(path(), options()));
  steps.heal();
  CHECK(Ledger::open(path(), options()));
}

TEST_CASE_FIXTURE(LedgerFixture, "an older copy of the ledger signs nothing and still reads") {
  append_many(2);
  keep_copy();
  append_many(1);
  put_copy_back();
  reopen();
  CHECK(stopped_code() == ErrorCode::kCorrupt);
  CHECK(append().error().code == ErrorCode::kCorrupt);
  CHECK(ledger().health().problems[0].find("older copy") != std::string::npos);
  CHECK(*read().entry(1) != "");
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "a copy that went another way than the high-water file is a fork") {
  append_many(2);
  const std::string shared = newest_high_water();
  keep_copy();
  append_many(1);
  const std::string ours = newest_high_water();
  put_copy_back();
  put_high_water(shared);
  reopen();
  REQUIRE(append(alarm("another entry")));
  REQUIRE(append(alarm("and one more")));
  close();
  put_high_water(ours);
  reopen();
  CHECK(stopped_code() == ErrorCode::kCorrupt);
  CHECK(ledger().health().problems[0].find("does not contain") != std::string::npos);
}

TEST_CASE_FIXTURE(LedgerFixture, "a high-water file whose last write was torn still counts") {
  append_many(1);
  const std::string before = newest_high_water();
  append_many(1);
  close();
  // Both orders of the slots: the torn one is the newer.
  const HighWaterFile::Slots slots = *HighWaterFile::read(high_water());
  for (const std::string& torn : {std::string(), slots[0].substr(0, 40), std::string(4096, 'x')}) {
    std::string first = before;
    std::string second = torn;
    for (int order = 0; order < 2; ++order) {
      first.resize(HighWaterFile::kSlotBytes, '\0');
      second.resize(HighWaterFile::kSlotBytes, '\0');
      put_high_water(first + second);
      reopen();
      CHECK_FALSE(ledger().health().stopped);
      CHECK(newest_high_water() == read().checkpoint().note);
      close();
      std::swap(first, second);
    }
  }
}

TEST_CASE_FIXTURE(LedgerFixture, "an older copy is found out whichever slot is the newest") {
  append_many(1);
  keep_copy();
  std::string older = read().checkpoint().note;
  append_many(1);
  std::string newer = read().checkpoint().note;
  put_copy_back();
  older.resize(HighWaterFile::kSlotBytes, '\0');
  newer.resize(HighWaterFile::kSlotBytes, '\0');
  SUBCASE("the first") { put_high_water(newer + older); }
  SUBCASE("the second") { put_high_water(older + newer); }
  reopen();
  CHECK(stopped_code() == ErrorCode::kCorrupt);
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "a high-water file that is removed while the ledger runs is back") {
  append_many(1);
  std::filesystem::remove(high_water());
  append_many(1);
  CHECK(newest_high_water() == read().checkpoint().note);
  append_many(1);
  CHECK(newest_high_water() == read().checkpoint().note);
  reopen();
  CHECK(append());
}

TEST_CASE_FIXTURE(LedgerFixture, "a missing or forged high-water file stops the ledger") {
  append_many(1);
  close();
  std::filesystem::remove(high_water());
  reopen();
  CHECK(stopped_code() == ErrorCode::kCorrupt);
  put_high_water("example.com/store\n0\n\n");
  reopen();
  CHECK(stopped_code() == ErrorCode::kCorrupt);
}

TEST_CASE_FIXTURE(LedgerFixture, "a ledger is never made by open, nor over another") {
  CHECK(Ledger::open(directory() / "none.db", options()).error().code == ErrorCode::kNotFound);
  CHECK_FALSE(std::filesystem::exists(directory() / "none.db"));
  CHECK(Ledger::create(path(), options()).error().code == ErrorCode::kConflict);
  CHECK(Ledger::create(directory() / "none.db", options()).error().code == ErrorCode::kConflict);
}

TEST_CASE_FIXTURE(LedgerFixture, "another store's ledger, or no ledger at all, is not opened") {
  close();
  LedgerOptions other_origin = options();
  other_origin.origin = "example.com/other";
  CHECK(Ledger::open(path(), other_origin).error().code == ErrorCode::kInvalidArgument);
  LedgerOptions other_epoch = options();
  other_epoch.epoch = 2;
  CHECK(Ledger::open(path(), other_epoch).error().code == ErrorCode::kInvalidArgument);
  harm("PRAGMA user_version = 99");
  CHECK(Ledger::open(path(), options()).error().code == ErrorCode::kInvalidArgument);
  harm("PRAGMA application_id = 1");
  CHECK(Ledger::open(path(), options()).error().code == ErrorCode::kInvalidArgument);
  REQUIRE(write_file_durably(directory() / "text.db", std::string(8192, 'x'), 0600, steps, "x"));
  CHECK(Ledger::open(directory() / "text.db", options()).error().code == ErrorCode::kCorrupt);
}

TEST_CASE_FIXTURE(LedgerFixture, "everything survives closing and opening") {
  create_repository();
  const RecordedVersion moved = *move(version_draft(audit_ref(), 1));
  append_many(300);
  const MerkleHash root = read().checkpoint().root;
  reopen();
  CHECK(read().checkpoint().root == root);
  CHECK((*read().ref(audit_ref()))->content == moved.version.content);
  append_many(300);
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "a full disk fails the batch, and the next one succeeds") {
  append_many(1);
  const Result<> full = ledger().commit([&](Transaction& transaction) -> Result<> {
    TRY(transaction.append(alarm()));
    return unavailable("database or disk is full");
  });
  CHECK(full.error().code == ErrorCode::kUnavailable);
  CHECK(append()->index == 1);
}

TEST_CASE_FIXTURE(LedgerFixture, "stop() from outside refuses every later commit with its reason") {
  append_many(1);
  ledger().stop({ErrorCode::kCorrupt, "the scrubber found something", ""});
  CHECK(append().error().code == ErrorCode::kCorrupt);
  CHECK(*read().entry(0) != "");
}

}  // namespace statehouse
