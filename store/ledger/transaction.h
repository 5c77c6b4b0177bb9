#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "store/ledger/event.h"
#include "store/ledger/records.h"
#include "store/model/name.h"

namespace statehouse {

class LedgerBatch;
struct PromotionQuery;

/// A recorded version: its log entry and the outbox row that licences publishing its ref file.
struct RecordedVersion {
  VersionRecord version;
  AppendedEntry entry;
  std::uint64_t outbox_id = 0;  ///< clear it, in a later commit, once the ref file is durable
};

/// The inside of one Ledger::commit job.
///
/// Lives only while the job runs, on the ledger's thread; never keep it. Every method sees the
/// effect of earlier calls and of earlier jobs of the same batch. When the job returns an error,
/// everything it did is undone; nothing of it is durable or visible before commit() returned.
///
/// Errors every method may return, besides those named: kUnavailable (disk full; retry), kInternal
/// and kCorrupt (SQLite says so). A job passes them on.
class Transaction {
 public:
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// The time of every entry of this batch: max(now, last entry's time).
  [[nodiscard]] Timestamp time() const;
  /// The index the next append() gets, if this job and all before it in the batch succeed.
  [[nodiscard]] EntryIndex next_entry_index() const;

  /// Logs one event with its evidence.
  /// Errors: kInvalidArgument (see build_entry; evidence too large).
  Result<AppendedEntry> append(EntryDraft draft);

  // Refs and versions.

  /// Where `key` stands; nullopt when it never had a version.
  Result<std::optional<RefState>> ref(const RefKey& key);
  /// Errors: kConflict unless the newest version of `key` is `expected` (0: never had one). Any
  /// decision made against `expected` is then void.
  Result<> require_ref_at(const RefKey& key, VersionNumber expected);
  /// One above the newest version ever, deleted or not; the first is 1.
  Result<VersionNumber> next_version(const RefKey& key);
  /// Errors: kConflict when a live ref of the repository is `key` with more components, or fewer
  /// (Git cannot keep refs/heads/a beside refs/heads/a/b).
  Result<> check_name_free(const RefKey& key);
  /// Logs ref.updated, inserts the version, moves the ref and owes `publish_refs`.
  /// Errors: kNotFound (no such repository), kConflict (draft.version is not next_version, or the
  /// name is not free), kInvalidArgument (content missing, or given for a delete; deleting what is
  /// not there; malformed digest).
  Result<RecordedVersion> record_version(const VersionDraft& draft,
                                         std::vector<Evidence> evidence = {});
  Result<std::optional<VersionRecord>> version(const RefKey& key, VersionNumber number);

  // Repositories.

  /// Errors: kConflict (exists, or existed).
  Result<> create_repository(const RepositoryName& name);
  /// Errors: kNotFound; kConflict (a ref of it is still live).
  Result<> delete_repository(const RepositoryName& name);
  Result<std::optional<RepositoryRecord>> repository(const RepositoryName& name);

  // Promotions. The caller logs its own event in the same job (append) and sets `entry`.

  /// The number the next insert_promotion gives.
  Result<PromotionNumber> next_promotion();
  /// Gives the number; `record.number` must be 0 or next_promotion().
  Result<PromotionNumber> insert_promotion(const PromotionRecord& record);
  /// Errors: kNotFound.
  Result<PromotionRecord> promotion(PromotionNumber number);
  /// Newest first, at most `query.count_max`.
  Result<std::vector<PromotionRecord>> promotions(const PromotionQuery& query);
  /// Errors: kConflict unless the promotion is open and its revision is `revision`.
  Result<> require_promotion_at(PromotionNumber number, std::uint64_t revision);
  /// Replaces everything but number, kind, source.repository, target, flow, opener and opened.
  /// Errors: kNotFound; kConflict (already merged or closed; the revision went down).
  Result<> update_promotion(const PromotionRecord& record);
  Result<std::uint64_t> insert_approval(const ApprovalRecord& record);
  Result<std::uint64_t> insert_check(const CheckRecord& record);
  Result<std::uint64_t> insert_comment(const CommentRecord& record);
  Result<std::vector<ApprovalRecord>> approvals(PromotionNumber number);
  Result<std::uint64_t> comment_count(PromotionNumber number);

  // Tokens and suspensions.

  /// Errors: kConflict (id or hash exists), kInvalidArgument (hash is not 32 bytes).
  Result<> insert_token(const TokenRecord& record);
  /// Errors: kNotFound; kConflict (revoked before).
  Result<> revoke_token(std::string_view id);
  Result<> put_suspension(const SuspensionRecord& record);

  // Verdicts and statements.

  /// The first verdict on a commit wins: returns it, whether it is this one or an earlier one.
  /// The entry of the next record_version binds the new ones: append nothing in between.
  /// Errors: kUnverified when the commit is known with another SHA-256 (a SHA-1 collision).
  Result<CommitVerdictRecord> record_verdict(const CommitVerdictRecord& record);
  /// Logs statement.issued and keeps the envelope. One per version, ever.
  /// Errors: kConflict (there is one), kNotFound (no such version), kInvalidArgument (a delete).
  Result<AppendedEntry> record_statement(const StatementRecord& record, const Actor& actor);

  // Outbox, small values, idempotency, evidence.

  Result<std::uint64_t> put_outbox(std::string_view kind, std::string_view payload);
  /// Clearing what is not there is success.
  Result<> clear_outbox(std::uint64_t id);
  /// A named value ("configuration.version"). Names are at most 200 bytes.
  Result<> put_value(std::string_view name, std::string_view value);
  Result<std::optional<std::string>> value(std::string_view name);
  /// Keeps an answer for 24 hours. Errors: kConflict (the pair has one).
  Result<> put_idempotent(std::string_view caller, std::string_view key,
                          std::string_view request_digest, std::string_view response);
  Result<std::optional<IdempotencyRecord>> idempotent(std::string_view caller,
                                                      std::string_view key);
  /// Blanks bytes and salt of one piece of evidence and logs the tombstone (evidence.erased).
  /// Errors: kNotFound, kConflict (erased before).
  Result<AppendedEntry> erase_evidence(std::string_view digest, std::string_view legal_basis,
                                       const Actor& actor);

 private:
  friend class LedgerBatch;
  explicit Transaction(LedgerBatch& batch) : batch_(batch) {}

  LedgerBatch& batch_;
};

}  // namespace statehouse
