#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/last_seen.h"
#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/json.h"
#include "crypto/merkle.h"
#include "crypto/statement.h"
#include "crypto/trust.h"
#include "store/model/name.h"

namespace statehouse {

/// What a server (or any untrusted mirror of one) says a snapshot is: GET /v1/snapshot. Unverified.
struct SnapshotOffer {
  std::string statement;                   ///< DSSE envelope (JSON) of the version statement
  std::string entry;                       ///< exact bytes of the statement.issued entry
  std::string proof;                       ///< tlog-proof text of that entry
  std::optional<std::string> head;         ///< DSSE envelope of the head statement; none: historic
  std::optional<MerkleProof> consistency;  ///< from the last seen checkpoint to the proof's

  /// Reads the JSON document; other members are ignored. Errors: kInvalidArgument.
  static Result<SnapshotOffer> parse(const Json& document);
};

/// What was asked for, and when. One `now` for the whole judgement.
struct SnapshotQuestion {
  // None: whatever the statement is about (offline files). Each is compared by itself.
  std::optional<RepositoryName> repository;
  std::optional<RefName> ref;
  std::optional<VersionNumber> version;  ///< set: this version, without a head, "historic"
  Timestamp now;
};

/// How far the store's clock may be ahead of ours before a head is "issued in the future".
inline constexpr Milliseconds kClockTolerance = std::chrono::minutes(5);

enum class SnapshotAge {
  kCurrent,   ///< a head that has not expired names this version
  kHistoric,  ///< genuine and logged; nothing is said about whether it is the newest
};

/// A snapshot whose statement holds in every respect, except that the archive itself was not seen:
/// that is `require_archive`. Only `verify_snapshot` makes one.
class VerifiedSnapshot {
 public:
  [[nodiscard]] const VersionStatement& statement() const { return statement_; }
  [[nodiscard]] SnapshotAge age() const { return age_; }
  [[nodiscard]] const RefKey& key() const { return key_; }

  /// When the head expires; none for historic ones.
  [[nodiscard]] const std::optional<Timestamp>& expires() const { return expires_; }
  /// Position of the statement.issued entry.
  [[nodiscard]] EntryIndex entry() const { return entry_; }

  /// What to remember once the archive was verified too.
  [[nodiscard]] const LastSeen& seen() const { return seen_; }

  /// Errors: kUnverified when the archive has another size ("wrong size") or digest ("wrong
  /// digest") than the statement says.
  [[nodiscard]] Result<> require_archive(std::string_view raw_sha256, std::uint64_t size) const;

 private:
  friend Result<VerifiedSnapshot> verify_snapshot(const TrustDocument& trust,
                                                  const SnapshotOffer& bundle,
                                                  const SnapshotQuestion& question,
                                                  const LastSeen& last);
  VerifiedSnapshot(VersionStatement statement, RefKey key)
      : statement_(std::move(statement)), key_(std::move(key)) {}

  VersionStatement statement_;
  RefKey key_;
  SnapshotAge age_ = SnapshotAge::kHistoric;
  std::optional<Timestamp> expires_;
  EntryIndex entry_ = 0;
  LastSeen seen_;
};

/// A head statement that the document's keys signed, that is not from the future and has not
/// expired. Errors: kUnverified; kUnavailable "stale head".
Result<HeadStatement> verify_head(std::string_view envelope, const TrustDocument& trust,
                                  Timestamp now);

/// Verifies everything about a snapshot that can be verified without its archive, in this order:
///
///   statement signed by a trusted key, of this origin → repository, ref (and version) as asked →
///   head signed, not from the future, not expired, and naming exactly this version and commit →
///   version and epoch not lower than the last seen → the entry is about exactly this statement →
///   the checkpoint is signed by the log's key and is the one the head names → the entry is in that
///   log → the checkpoint is consistent with the last seen one.
///
/// That answers arbitrary content, rollback, freeze, mix-and-match and split view (TUF's list).
/// Pure. Errors, each check with its own message:
///   kUnavailable  "stale head": everything else may be right; keep what you have and ask again
///   kUnverified   everything else that is wrong, also malformed parts
Result<VerifiedSnapshot> verify_snapshot(const TrustDocument& trust, const SnapshotOffer& bundle,
                                         const SnapshotQuestion& question, const LastSeen& last);

}  // namespace statehouse
