#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/merkle.h"
#include "store/ledger/records.h"
#include "store/model/name.h"
#include "store/model/oid.h"

namespace statehouse {

class ConnectionPool;
struct PublishedTree;

/// The newest checkpoint that may be shown: signed, committed, and in the high-water file.
struct CheckpointRecord {
  std::uint64_t size = 0;
  MerkleHash root;
  std::string note;  ///< exact signed-note bytes
};

struct EntryRecord {
  EntryIndex index = 0;
  std::string bytes;
};

/// Which promotions to list. Absent fields do not filter.
struct PromotionQuery {
  std::optional<PromotionState> state = std::nullopt;
  std::optional<RefKey> target = std::nullopt;
  std::optional<RefKey> source = std::nullopt;
  std::optional<std::string> flow = std::nullopt;
  std::optional<std::string> opener = std::nullopt;
  std::optional<Oid> source_commit = std::nullopt;
  std::optional<PromotionNumber> before = std::nullopt;  ///< the last number of the page before
  std::size_t count_max = 50;
};

/// A page, newest first. `next` goes into the next query's `before`; absent at the end.
template <typename Record>
struct Page {
  std::vector<Record> records;
  std::optional<std::uint64_t> next = std::nullopt;
};

/// What a ledger says. Every method reads one consistent moment and may be called from any thread;
/// connections come from a small pool (a caller waits while all are in use) and can never write.
///
/// Reads of the log (entries, tiles, proofs, checkpoints) stop at the published checkpoint: an
/// entry that is committed but whose checkpoint is not yet in the high-water file is not shown.
/// Errors of every method, besides those named: kCorrupt (bytes do not hash to what the log says),
/// kUnavailable (no memory, no disk), kInternal.
class LedgerReader {
 public:
  /// REQUIRES: both outlive the reader.
  LedgerReader(ConnectionPool& pool, const PublishedTree& published);

  // Refs and versions.
  Result<std::vector<RefState>> refs() const;  ///< deleted refs too; sorted by key
  /// The same, without those rows that cannot be read.
  Result<FoundRows<RefState>> readable_refs() const;
  Result<std::optional<RefState>> ref(const RefKey& key) const;
  Result<std::optional<VersionRecord>> version(const RefKey& key, VersionNumber number) const;
  /// Newest first, below `before` when given.
  Result<Page<VersionRecord>> versions(const RefKey& key, std::optional<VersionNumber> before,
                                       std::size_t count_max) const;
  /// The newest `count_max` versions of the whole store, newest first, below entry `before`.
  Result<Page<VersionRecord>> latest_versions(std::optional<EntryIndex> before,
                                              std::size_t count_max) const;
  /// Every version, of any ref, that put `commit` there; oldest first.
  Result<std::vector<VersionRecord>> versions_of_commit(const RepositoryName& repository,
                                                        const Oid& commit) const;
  /// Commits of all versions, current and past, of all refs: what must stay reachable. No
  /// duplicates.
  Result<std::vector<Oid>> tips(const RepositoryName& repository) const;
  Result<std::vector<RepositoryRecord>> repositories() const;  ///< deleted ones too
  /// The same, without those rows that cannot be read.
  Result<FoundRows<RepositoryRecord>> readable_repositories() const;
  Result<std::optional<RepositoryRecord>> repository(const RepositoryName& name) const;

  // The log.
  [[nodiscard]] std::uint64_t tree_size() const;
  [[nodiscard]] CheckpointRecord checkpoint() const;
  /// The checkpoint signed at exactly `size`. Errors: kNotFound (none was).
  Result<CheckpointRecord> checkpoint_at(std::uint64_t size) const;
  /// Exact bytes, checked against the leaf hash. Errors: kNotFound.
  Result<std::string> entry(EntryIndex index) const;
  /// At most `count_max` entries from `first`, in order; empty beyond the end.
  Result<std::vector<EntryRecord>> entries(EntryIndex first, std::size_t count_max) const;
  Result<MerkleHash> leaf_hash(EntryIndex index) const;
  /// `width` (1-256) hashes of tile `n` of `level`. Errors: kNotFound (not in the published tree).
  Result<std::string> tile(unsigned level, std::uint64_t n, unsigned width) const;
  /// tile/entries/<n>: `width` entries, each behind its big-endian uint16 length.
  Result<std::string> entry_bundle(std::uint64_t n, unsigned width) const;
  /// RFC 6962 proof that entry `index` is in the tree of `size`.
  /// Errors: kInvalidArgument (index >= size, or size beyond the published tree).
  Result<MerkleProof> inclusion_proof(EntryIndex index, std::uint64_t size) const;
  /// Proof that the tree of `old_size` is a prefix of that of `new_size`; empty for 0 or equal.
  Result<MerkleProof> consistency_proof(std::uint64_t old_size, std::uint64_t new_size) const;
  /// Root of the tree at `size`, at most the published one.
  Result<MerkleHash> root_at(std::uint64_t size) const;
  /// Errors: kNotFound; kCorrupt (the bytes do not match the digest).
  Result<EvidenceRecord> evidence(std::string_view digest) const;
  Result<std::vector<EvidenceRecord>> evidence_of(EntryIndex index) const;

  // Promotions.
  Result<PromotionRecord> promotion(PromotionNumber number) const;  ///< kNotFound
  Result<Page<PromotionRecord>> promotions(const PromotionQuery& query) const;
  Result<std::vector<ApprovalRecord>> approvals(PromotionNumber number) const;  ///< oldest first
  Result<std::vector<CheckRecord>> checks(PromotionNumber number) const;        ///< oldest first
  Result<std::vector<CommentRecord>> comments(PromotionNumber number) const;    ///< oldest first

  // Tokens, suspensions.
  /// By the SHA-256 (32 raw bytes) of the token's text; compared in constant time. Whether it is
  /// expired or revoked is for the caller to see.
  Result<std::optional<TokenRecord>> token_by_hash(std::string_view hash) const;
  Result<std::optional<TokenRecord>> token(std::string_view id) const;
  Result<std::vector<TokenRecord>> tokens() const;  ///< newest first
  /// Suspensions whose `until` is after `at`.
  Result<std::vector<SuspensionRecord>> suspensions(Timestamp at) const;

  // Verdicts, statements, the rest.
  Result<std::optional<CommitVerdictRecord>> verdict(const Oid& commit) const;
  /// Those that the move logged at `index` brought, in order of the commits' ids.
  Result<std::vector<CommitVerdictRecord>> verdicts_of(EntryIndex index) const;
  Result<std::optional<StatementRecord>> statement(const RefKey& key, VersionNumber number) const;
  Result<FoundRows<OutboxRecord>> outbox() const;  ///< oldest first
  Result<std::optional<std::string>> value(std::string_view name) const;
  /// nullopt when there is none, or it is older than 24 hours at `at`.
  Result<std::optional<IdempotencyRecord>> idempotent(std::string_view caller, std::string_view key,
                                                      Timestamp at) const;

  /// How many such answers there are for callers whose name is `first_word` and more words.
  Result<std::uint64_t> idempotency_keys(std::string_view first_word, Timestamp at) const;

  /// Writes a consistent copy of the whole ledger to `path` , which must not exist, and syncs it.
  /// Meanwhile writing goes on.
  Result<> copy_to(const Path& path) const;

 private:
  ConnectionPool& pool_;
  const PublishedTree& published_;
};

}  // namespace statehouse
