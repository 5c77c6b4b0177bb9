// The half of Transaction that is about promotions, tokens and suspensions.

#include "store/ledger/batch.h"
#include "store/ledger/rows.h"
#include "store/ledger/transaction.h"

namespace statehouse {

namespace {

std::unexpected<Error> no_such_promotion(PromotionNumber number) {
  return not_found("there is no promotion " + std::to_string(number));
}

Result<std::uint64_t> inserted_id(Statements& statements) {
  const auto id = TRY(statements.last_id.one(read_count));
  return id.value_or(0);
}

}  // namespace

Result<PromotionNumber> Transaction::next_promotion() {
  const auto newest = TRY(batch_.statements_.newest_promotion.one(read_count));
  return newest.value_or(0) + 1;
}

Result<PromotionNumber> Transaction::insert_promotion(const PromotionRecord& record) {
  const PromotionNumber number = TRY(next_promotion());
  if (record.number != 0 && record.number != number) {
    return conflict("the next promotion is " + std::to_string(number));
  }
  PromotionRecord numbered = record;
  numbered.number = number;
  TRY(write_promotion(batch_.statements_, numbered));
  return number;
}

Result<PromotionRecord> Transaction::promotion(PromotionNumber number) {
  const auto found = TRY(batch_.statements_.promotion.one(read_promotion, number));
  if (!found) return no_such_promotion(number);
  return *found;
}

Result<std::vector<PromotionRecord>> Transaction::promotions(const PromotionQuery& query) {
  return select_promotions(batch_.statements_, query, query.count_max);
}

Result<> Transaction::require_promotion_at(PromotionNumber number, std::uint64_t revision) {
  const PromotionRecord record = TRY(promotion(number));
  if (record.state != PromotionState::kOpen) {
    return conflict("promotion " + std::to_string(number) + " is " +
                    std::string(name_of(record.state)));
  }
  if (record.revision == revision) return {};
  return conflict("promotion " + std::to_string(number) + " is at revision " +
                      std::to_string(record.revision) + ", not at " + std::to_string(revision),
                  "read it again and decide again");
}

Result<> Transaction::update_promotion(const PromotionRecord& record) {
  const PromotionRecord before = TRY(promotion(record.number));
  if (before.state != PromotionState::kOpen) {
    return conflict("promotion " + std::to_string(record.number) + " is " +
                    std::string(name_of(before.state)));
  }
  if (record.revision < before.revision) return conflict("a promotion's revision never goes down");
  return rewrite_promotion(batch_.statements_, record);
}

Result<std::uint64_t> Transaction::insert_approval(const ApprovalRecord& record) {
  TRY(promotion(record.promotion));
  TRY(write_approval(batch_.statements_, record));
  return inserted_id(batch_.statements_);
}

Result<std::uint64_t> Transaction::insert_check(const CheckRecord& record) {
  TRY(promotion(record.promotion));
  TRY(write_check(batch_.statements_, record));
  return inserted_id(batch_.statements_);
}

Result<std::uint64_t> Transaction::insert_comment(const CommentRecord& record) {
  TRY(promotion(record.promotion));
  TRY(write_comment(batch_.statements_, record));
  return inserted_id(batch_.statements_);
}

Result<std::vector<ApprovalRecord>> Transaction::approvals(PromotionNumber number) {
  return batch_.statements_.approvals.all(read_approval, number);
}

Result<std::uint64_t> Transaction::comment_count(PromotionNumber number) {
  const auto count = TRY(batch_.statements_.comment_count.one(read_count, number));
  return count.value_or(0);
}

Result<> Transaction::insert_token(const TokenRecord& record) {
  if (record.hash.size() != 32)
    return invalid_argument("storing a token: its hash is not 32 bytes");
  return write_token(batch_.statements_, record);
}

Result<> Transaction::revoke_token(std::string_view id) {
  const auto token = TRY(batch_.statements_.token.one(read_token, id));
  if (!token) return not_found("there is no such token");
  if (token->revoked) return conflict("that token is revoked already");
  return batch_.statements_.revoke_token.run(id, time());
}

Result<> Transaction::put_suspension(const SuspensionRecord& record) {
  return batch_.statements_.put_suspension.run(record.identity, record.since, record.until,
                                               record.entry);
}

}  // namespace statehouse
