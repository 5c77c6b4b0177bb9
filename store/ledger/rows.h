#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/base/error.h"
#include "store/ledger/event.h"
#include "store/ledger/reader.h"
#include "store/ledger/records.h"
#include "store/ledger/sqlite.h"
#include "store/ledger/statements.h"

namespace statehouse {

// Rows to records and back; internal to store/ledger. A row that does not parse is kCorrupt: we
// wrote it, so somebody else changed it.

Result<RefState> read_ref_state(const Row& row);
Result<VersionRecord> read_version(const Row& row);
Result<RepositoryRecord> read_repository(const Row& row);
Result<StatementRecord> read_statement(const Row& row);
Result<CommitVerdictRecord> read_verdict(const Row& row);
Result<PromotionRecord> read_promotion(const Row& row);
Result<ApprovalRecord> read_approval(const Row& row);
Result<CheckRecord> read_check(const Row& row);
Result<CommentRecord> read_comment(const Row& row);
Result<TokenRecord> read_token(const Row& row);
Result<SuspensionRecord> read_suspension(const Row& row);
Result<OutboxRecord> read_outbox(const Row& row);

/// All rows of `statement` through `read`; one that cannot be read hides no other.
template <typename Record>
Result<FoundRows<Record>> found_rows(Statement& statement, Result<Record> (*read)(const Row&)) {
  FoundRows<Record> found;
  const auto collect = [&](const Row& row) -> Result<bool> {
    Result<Record> record = read(row);
    if (record) {
      found.records.push_back(*std::move(record));
    } else {
      found.damaged.push_back(record.error().message);
    }
    return true;
  };
  TRY(statement.all(collect));
  return found;
}
Result<IdempotencyRecord> read_idempotency(const Row& row);
Result<EvidenceRecord> read_evidence(const Row& row);  ///< also checks bytes against the digest
Result<EntryRecord> read_entry(const Row& row);
Result<std::string> read_text(const Row& row);
Result<std::uint64_t> read_count(const Row& row);
Result<Oid> read_oid(const Row& row);

/// The bound of a list that starts at the newest.
inline constexpr std::uint64_t kNoBound = INT64_MAX;
/// Newest first, at most `count_max` whatever `query` says.
Result<std::vector<PromotionRecord>> select_promotions(Statements& statements,
                                                       const PromotionQuery& query,
                                                       std::size_t count_max);

Result<> write_ref_state(Statements& statements, const RefState& state);
Result<> write_version(Statements& statements, const VersionRecord& version);
Result<> write_promotion(Statements& statements, const PromotionRecord& promotion);
Result<> rewrite_promotion(Statements& statements, const PromotionRecord& promotion);
Result<> write_approval(Statements& statements, const ApprovalRecord& approval);
Result<> write_check(Statements& statements, const CheckRecord& check);
Result<> write_comment(Statements& statements, const CommentRecord& comment);
Result<> write_token(Statements& statements, const TokenRecord& token);

/// The bytes of an optional id, to bind as BLOB or NULL. `oid` must outlive the result.
inline std::optional<Blob> blob_of(const std::optional<Oid>& oid) {
  if (!oid) return std::nullopt;
  return Blob{oid->bytes()};
}

}  // namespace statehouse
