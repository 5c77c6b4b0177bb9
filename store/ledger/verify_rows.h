#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "store/ledger/connection.h"
#include "store/ledger/event.h"

namespace statehouse {

/// Holds the rows that entries left in the tables beside the log against those entries, column by
/// column; internal to store/ledger. Statements, promotions, approvals, comments, checks, tokens
/// and suspensions; versions, verdicts, refs and evidence are Verification's own.
///
/// Memory: one expected row per promotion and suspension, without free text. Time: a fixed number
/// of look-ups by primary key for each entry.
/// Errors: only that it could not look; what differs goes to `find`.
class RowComparison {
 public:
  using Find = std::function<void(std::string what, std::string where, std::string why)>;

  /// REQUIRES: `connection` outlives it and is inside one read transaction.
  RowComparison(LedgerConnection& connection, Find find)
      : database_(connection.database),
        statements_(connection.statements),
        find_(std::move(find)) {}

  /// REQUIRES: called for every entry, in order.
  Result<> compare(const ParsedEntry& event, EntryIndex index);
  /// What can be said only after the last entry. REQUIRES: called once, then.
  Result<> finish();

  /// A finding unless `table` has as many rows as the entries account for.
  Result<> compare_count(const std::string& what, const std::string& table,
                         std::uint64_t accounted);

 private:
  struct ExpectedPromotion {
    PromotionRecord record;  ///< without title and message
    EntryIndex newest = 0;   ///< the last entry that changed it
    std::string text;        ///< digest of the evidence with title and message
  };

  void expect_opened(const ParsedEntry& event, EntryIndex index);
  void expect_updated(const ParsedEntry& event, EntryIndex index);
  void expect_merged(const ParsedEntry& event, EntryIndex index);
  void expect_closed(const ParsedEntry& event, EntryIndex index);
  void expect_suspended(const ParsedEntry& event, EntryIndex index);
  /// The promotion that the entry is about; none, after a finding, when no entry opened it.
  ExpectedPromotion* promotion_of(const ParsedEntry& event, EntryIndex index);

  void compare_statement(const ParsedEntry& event, EntryIndex index);
  void compare_with_move(const ParsedEntry& event, EntryIndex index,
                         const Result<std::optional<VersionRecord>>& row);
  void compare_approval(const ParsedEntry& event, EntryIndex index);
  void compare_check(const ParsedEntry& event, EntryIndex index);
  Result<> compare_comment(const ParsedEntry& event, EntryIndex index);
  void compare_new_token(const ParsedEntry& event, EntryIndex index);
  void compare_revoked_token(const ParsedEntry& event, EntryIndex index);
  Result<> compare_promotion(const ExpectedPromotion& expected);
  void compare_suspensions();

  /// Free text that an entry binds as evidence. None: erased, or not what it was, which the
  /// comparison of the evidence tells.
  Result<std::optional<Json>> text_of(std::string_view digest);

  /// The row, or null after a finding.
  template <typename Record>
  const Record* require_row(const Result<std::optional<Record>>& row, const std::string& what,
                            const std::string& where) {
    if (row && *row) return &**row;
    find_(what, where, row ? "its row is missing" : row.error().message);
    return nullptr;
  }

  Database& database_;
  Statements& statements_;
  Find find_;

  std::map<PromotionNumber, ExpectedPromotion> promotions_;
  std::map<std::string, SuspensionRecord> suspensions_;  // by identity
  std::set<std::string> revoked_;  // tokens whose rows are, and whose entries are not (yet)
  std::uint64_t issued_ = 0, approvals_ = 0, checks_ = 0, comments_ = 0, tokens_ = 0;
};

}  // namespace statehouse
