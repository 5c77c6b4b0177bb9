#include "tests/store/ledger/fixture.h"

namespace statehouse {

namespace {

TokenRecord token_of(const std::string& id) {
  return {.id = id,
          .hash = sha256("sth_" + id),
          .identity = "alice",
          .scope = TokenScope::kWrite,
          .repositories = "**",
          .created = Timestamp::from_unix_ms(1000),
          .expires = Timestamp::from_unix_ms(2000)};
}

}  // namespace

TEST_CASE_FIXTURE(LedgerFixture, "a merged or closed promotion never changes again") {
  PromotionRecord record = promotion_of("source");
  record.number = *open_promotion();
  record.state = PromotionState::kMerged;
  record.merged_version = 3;
  const auto update = [&](Transaction& t) { return t.update_promotion(record); };
  CHECK(ledger().commit(update));
  record.state = PromotionState::kOpen;
  CHECK(ledger().commit(update).error().code == ErrorCode::kConflict);
  CHECK(read().promotion(record.number)->merged_version == 3);
}

TEST_CASE_FIXTURE(LedgerFixture, "a promotion that moved since it was read is a conflict") {
  PromotionRecord record = promotion_of("source");
  record.number = *open_promotion();
  const auto expect = [&](PromotionNumber number, std::uint64_t revision) {
    return ledger().commit(
        [&](Transaction& t) { return t.require_promotion_at(number, revision); });
  };
  CHECK(expect(1, 1));
  CHECK(expect(1, 2).error().code == ErrorCode::kConflict);
  CHECK(expect(2, 1).error().code == ErrorCode::kNotFound);
  record.revision = 2;
  REQUIRE(ledger().commit([&](Transaction& t) { return t.update_promotion(record); }));
  CHECK(expect(1, 1).error().code == ErrorCode::kConflict);
  record.revision = 1;
  CHECK(ledger().commit([&](Transaction& t) { return t.update_promotion(record); }).error().code ==
        ErrorCode::kConflict);
}

TEST_CASE_FIXTURE(LedgerFixture, "approvals, checks and comments need their promotion") {
  const auto approve = [](Transaction& t) { return t.insert_approval({.promotion = 1}); };
  const auto check = [](Transaction& t) { return t.insert_check({.promotion = 1}); };
  const auto comment = [](Transaction& t) { return t.insert_comment({.promotion = 1}); };
  CHECK(ledger().commit(approve).error().code == ErrorCode::kNotFound);
  CHECK(ledger().commit(check).error().code == ErrorCode::kNotFound);
  CHECK(ledger().commit(comment).error().code == ErrorCode::kNotFound);
  REQUIRE(open_promotion());
  CHECK(ledger().commit(approve));
  CHECK(ledger().commit(check));
  CHECK(read().comments(1)->empty());
  CHECK(ledger().commit(comment));
  CHECK(read().comments(1)->size() == 1);
}

TEST_CASE_FIXTURE(LedgerFixture, "promotions are numbered store-wide and listed by filter") {
  for (int i = 0; i < 5; ++i) REQUIRE(open_promotion(std::to_string(i)));
  PromotionRecord closed = promotion_of("2");
  closed.number = 3;
  closed.state = PromotionState::kClosed;
  REQUIRE(ledger().commit([&](Transaction& t) { return t.update_promotion(closed); }));
  CHECK(read().promotions({})->records.size() == 5);
  CHECK(read().promotions({})->records[0].number == 5);
  CHECK(read().promotions({.state = PromotionState::kOpen})->records.size() == 4);
  CHECK(read().promotions({.target = deploy_ref(), .flow = "deploy"})->records.size() == 5);
  CHECK(read().promotions({.target = audit_ref()})->records.empty());
  CHECK(read().promotions({.source = audit_ref(), .opener = "alice"})->records.size() == 5);
  CHECK(read().promotions({.flow = "other"})->records.empty());
  CHECK(read().promotions({.source_commit = oid_of("4")})->records.size() == 1);
  CHECK(read().promotions({.source_commit = oid_of("other")})->records.empty());
  CHECK(read().promotions({.opener = "bob"})->records.empty());
  const auto page = *read().promotions({.before = 5, .count_max = 2});
  CHECK(page.records[0].number == 4);
  CHECK(page.next == 3);
}

TEST_CASE_FIXTURE(LedgerFixture, "a promotion and what belongs to it read back as written") {
  PromotionRecord record = promotion_of("source");
  record.kind = PromotionKind::kRollback;
  record.base_commit = oid_of("base");
  record.base_version = 4;
  record.rollback_to = 2;
  record.message = std::string("zero\0inside", 11);
  REQUIRE(ledger().commit([&](Transaction& t) { return t.insert_promotion(record); }));
  const PromotionRecord stored = *read().promotion(1);
  CHECK(stored.kind == PromotionKind::kRollback);
  CHECK(stored.source == audit_ref());
  CHECK(stored.target == deploy_ref());
  CHECK(stored.source_commit == record.source_commit);
  CHECK(stored.base_commit == record.base_commit);
  CHECK(stored.rollback_to == 2);
  CHECK(stored.message == record.message);
  CHECK_FALSE(stored.merged_version);

  const ApprovalRecord approval{.promotion = 1,
                                .revision = 1,
                                .identity = "bob",
                                .fingerprint = "SHA256:abc",
                                .verdict = ApprovalVerdict::kReject,
                                .received = clock.now(),
                                .expires = clock.now() + std::chrono::hours(1),
                                .drops = {3, 4}};
  REQUIRE(ledger().commit([&](Transaction& t) { return t.insert_approval(approval); }));
  const ApprovalRecord read_back = read().approvals(1)->at(0);
  CHECK(read_back.verdict == ApprovalVerdict::kReject);
  CHECK(read_back.drops == approval.drops);
  CHECK(read_back.expires == approval.expires);
  CHECK(read().approvals(2)->empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "a token is found only by its whole hash") {
  REQUIRE(ledger().commit([](Transaction& t) { return t.insert_token(token_of("tok_a")); }));
  CHECK_FALSE(*read().token_by_hash(""));
  CHECK_FALSE(*read().token_by_hash(sha256("sth_tok_b")));
  CHECK_FALSE(*read().token_by_hash(sha256("sth_tok_a").substr(0, 31)));
  CHECK_FALSE(*read().token_by_hash(sha256("sth_tok_a") + "x"));
  CHECK((*read().token_by_hash(sha256("sth_tok_a")))->id == "tok_a");
}

TEST_CASE_FIXTURE(LedgerFixture, "tokens are neither doubled nor revoked twice") {
  const auto insert = [](const TokenRecord& token) {
    return [&token](Transaction& t) { return t.insert_token(token); };
  };
  const auto revoke = [](Transaction& t) { return t.revoke_token("tok_a"); };
  CHECK(ledger().commit(revoke).error().code == ErrorCode::kNotFound);
  TokenRecord token = token_of("tok_a");
  REQUIRE(ledger().commit(insert(token)));
  CHECK(ledger().commit(insert(token)).error().code == ErrorCode::kConflict);
  token.id = "tok_other";  // same hash
  CHECK(ledger().commit(insert(token)).error().code == ErrorCode::kConflict);
  token.hash = "short";
  CHECK(ledger().commit(insert(token)).error().code == ErrorCode::kInvalidArgument);
  CHECK(ledger().commit(revoke));
  CHECK(ledger().commit(revoke).error().code == ErrorCode::kConflict);
  CHECK((*read().token("tok_a"))->revoked == clock.now());
  CHECK(read().tokens()->size() == 1);
}

TEST_CASE_FIXTURE(LedgerFixture, "a suspension ends, and a later one replaces it") {
  const Timestamp now = clock.now();
  const auto suspend = [&](Timestamp until) {
    return ledger().commit(
        [&](Transaction& t) { return t.put_suspension({"bob", now, until, 0}); });
  };
  REQUIRE(suspend(now + std::chrono::hours(72)));
  CHECK(read().suspensions(now)->size() == 1);
  CHECK(read().suspensions(now + std::chrono::hours(72))->empty());
  REQUIRE(suspend(now));
  CHECK(read().suspensions(now)->empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "an answer is kept under its key for 24 hours") {
  const auto put = [&](const std::string& caller) {
    return ledger().commit(
        [&](Transaction& t) { return t.put_idempotent(caller, "key", "digest", "answer"); });
  };
  REQUIRE(put("alice"));
  CHECK(put("alice").error().code == ErrorCode::kConflict);
  CHECK(put("bob"));
  CHECK((*read().idempotent("alice", "key", clock.now()))->response == "answer");
  CHECK_FALSE(*read().idempotent("alice", "other", clock.now()));
  CHECK_FALSE(*read().idempotent("alice", "key", clock.now() + std::chrono::hours(24)));
  clock.advance(std::chrono::hours(24));
  CHECK(put("alice"));
}

}  // namespace statehouse
