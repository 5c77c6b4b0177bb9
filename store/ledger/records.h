#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/statement.h"
#include "store/model/name.h"
#include "store/model/oid.h"

namespace statehouse {

// What the ledger keeps, as plain values. Nothing here does I/O.
//
// Conventions: a `digest` is text, "sha256:<64 lower-case hex>". Names of identities, flows and
// policies are plain strings that were parsed as ResourceName by whoever made them. Times are the
// server's. Everything that has an `entry` was written in the same transaction as that log entry.

/// How the request that caused an event reached us.
enum class ActorVia {
  kToken,    ///< an authenticated caller, by access token
  kControl,  ///< the control socket, or a command on the host
  kServer,   ///< the server itself (expiry, reconciliation of its own configuration)
  kRoot,     ///< the offline root key
};

/// Who caused an event. `token` is a token's id ("tok_…"), never its text.
struct Actor {
  std::optional<std::string> identity;
  ActorVia via = ActorVia::kServer;
  std::optional<std::string> token;
  bool operator==(const Actor&) const = default;
};

/// Why a version exists.
enum class VersionKind { kPush, kImport, kPromotion, kRollback, kInitial, kDelete };

/// What a version points to: the commit and its tree, each under SHA-1 and SHA-256
/// (commitSha256 is over the raw object; treeSha256 is the id the tree has in a SHA-256
/// repository).
struct VersionContent {
  Oid commit;
  std::string commit_digest;
  Oid tree;
  std::string tree_digest;
  bool operator==(const VersionContent&) const = default;
};

/// Commits that a move made reachable, by how they were judged.
struct CommitCounts {
  std::uint64_t fresh = 0;  ///< new to the ref
  std::uint64_t verified = 0;
  std::uint64_t unverified = 0;
  std::uint64_t baseline = 0;  ///< excused by a declared baseline
  bool operator==(const CommitCounts&) const = default;
};

/// The version before, as an entry states it.
struct PreviousVersion {
  VersionNumber version = 0;
  std::optional<Oid> commit;  ///< absent when that version deleted the ref
  bool operator==(const PreviousVersion&) const = default;
};

/// One accepted move of a governed ref: what the caller of Transaction::record_version decides.
struct VersionDraft {
  RefKey key;
  VersionNumber version = 0;  ///< must be next_version(key)
  VersionKind kind = VersionKind::kPush;
  std::optional<VersionContent> content;  ///< absent exactly when kind is kDelete
  std::string push_id;                    ///< shared by all refs of one push
  bool forced = false;                    ///< the old commit is not an ancestor of the new one
  CommitCounts commits;
  VersionNumber configuration = 0;  ///< version of `system`'s deploy ref that judged it; 0: none
  std::string policy_digest;
  std::optional<PromotionNumber> promotion;
  std::vector<std::string> approved_by;  ///< identities
  Actor actor;
  bool operator==(const VersionDraft&) const = default;
};

/// A version as recorded: never changes.
struct VersionRecord : VersionDraft {
  std::optional<PreviousVersion> previous;
  EntryIndex entry = 0;  ///< its ref.updated entry
  Timestamp time;        ///< of that entry
  bool operator==(const VersionRecord&) const = default;
};

/// Where a governed ref stands: its newest version.
struct RefState {
  RefKey key;
  VersionNumber version = 0;
  std::optional<VersionContent> content;  ///< absent: the ref is deleted
  EntryIndex entry = 0;
  bool operator==(const RefState&) const = default;
};

struct RepositoryRecord {
  RepositoryName name;
  Timestamp created;
  std::optional<Timestamp> deleted;  ///< a deleted name is never reused
};

/// The version statement of one version: issued once, never replaced.
struct StatementRecord {
  RefKey key;
  VersionNumber version = 0;
  std::string payload_digest;  ///< of the DSSE payload bytes
  std::string envelope;        ///< the exact DSSE envelope JSON
  std::string archive_digest;  ///< of the uncompressed archive
  std::uint64_t archive_bytes = 0;
  EntryIndex entry = 0;  ///< its statement.issued entry; set by record_statement
};

/// The first verdict on one commit, kept for ever (see design: signatures are judged once).
struct CommitVerdictRecord {
  Oid commit;
  std::string commit_digest;
  std::string verdict;                ///< JSON bytes; their shape belongs to policy
  std::optional<std::string> pusher;  ///< identity that brought it
  Timestamp received;
};

enum class PromotionState { kOpen, kMerged, kClosed };
enum class PromotionKind { kPromotion, kRollback };

/// A request to make `target`'s tree exactly the tree of one pinned source commit.
struct PromotionRecord {
  PromotionNumber number = 0;  ///< given by insert_promotion
  PromotionKind kind = PromotionKind::kPromotion;
  RefKey source;
  RefKey target;
  std::string flow;
  Oid source_commit;
  std::string source_commit_digest;
  Oid tree;  ///< the result: what the target's tree becomes
  std::string tree_digest;
  std::optional<Oid> base_commit;  ///< the target's commit this was made against
  VersionNumber base_version = 0;  ///< and its version; 0: the target did not exist
  PromotionState state = PromotionState::kOpen;
  std::uint64_t revision = 1;  ///< raised whenever what an approval signs changes
  std::string title;
  std::string message;
  std::string opener;  ///< identity
  Timestamp opened;
  Timestamp updated;
  VersionNumber rollback_to = 0;  ///< version restored, for kRollback
  std::optional<VersionNumber> merged_version;
  std::optional<std::string> ended_by;  ///< identity that merged or closed it
  std::optional<Timestamp> ended;
};

/// A reviewer's signed statement about one revision of a promotion. The envelope itself is
/// evidence: LedgerReader::evidence(envelope_digest).
struct ApprovalRecord {
  std::uint64_t id = 0;  ///< given by insert_approval
  PromotionNumber promotion = 0;
  std::uint64_t revision = 0;
  std::string identity;
  std::string fingerprint;  ///< "SHA256:…" or 40 upper-case hex
  ApprovalVerdict verdict = ApprovalVerdict::kApprove;
  std::string envelope_digest;  ///< evidence digest
  Timestamp received;
  std::optional<Timestamp> expires;
  std::vector<VersionNumber> drops;  ///< versions of the target it agrees to undo
  EntryIndex entry = 0;
};

enum class CheckStatus { kSuccess, kFailure, kPending };

/// A robot's signed report about one revision of a promotion.
struct CheckRecord {
  std::uint64_t id = 0;  ///< given by insert_check
  PromotionNumber promotion = 0;
  std::uint64_t revision = 0;
  std::string name;
  CheckStatus status = CheckStatus::kPending;
  std::string url;
  std::string identity;
  std::string fingerprint;
  std::string envelope_digest;  ///< evidence digest
  Timestamp received;
  EntryIndex entry = 0;
};

struct CommentRecord {
  std::uint64_t id = 0;  ///< given by insert_comment
  PromotionNumber promotion = 0;
  std::string identity;
  std::string text;
  std::optional<std::string> path;  ///< of the file it is about
  std::optional<std::uint64_t> line;
  Timestamp time;
  EntryIndex entry = 0;
};

enum class TokenScope { kRead, kWrite, kAdmin };

/// An access token. Its text is never stored: `hash` is the 32 raw bytes of its SHA-256.
struct TokenRecord {
  std::string id;  ///< "tok_" + 16 hex
  std::string hash;
  std::string identity;
  TokenScope scope = TokenScope::kRead;
  std::string repositories;  ///< glob
  Timestamp created;
  Timestamp expires;
  std::optional<Timestamp> revoked;
  EntryIndex entry = 0;
};

/// An identity that may do nothing until `until`.
struct SuspensionRecord {
  std::string identity;
  Timestamp since;
  Timestamp until;
  EntryIndex entry = 0;
};

/// The rows of a table as far as they can be read.
template <typename Record>
struct FoundRows {
  std::vector<Record> records;
  std::vector<std::string> damaged;  ///< of each other row: which it is, and what is wrong
};

/// A side effect that a committed transaction owes. For `publish_refs` (written by record_version)
/// it is the only licence to move a ref file; other kinds carry a JSON object of their own.
struct OutboxRecord {
  std::uint64_t id = 0;
  std::string kind;
  std::optional<RefKey> key;      ///< publish_refs: the ref
  std::optional<Oid> old_commit;  ///< publish_refs: what the file held; absent: no file
  std::optional<Oid> new_commit;  ///< publish_refs: what it must hold; absent: no file
  std::string payload;            ///< other kinds
  Timestamp created;
};
inline constexpr std::string_view kOutboxPublishRefs = "publish_refs";

/// A stored answer to a request that carried an Idempotency-Key.
struct IdempotencyRecord {
  std::string request_digest;  ///< of the request it answered; a different one is a misuse
  std::string response;        ///< exact bytes
  Timestamp created;
};

/// Bytes that an entry names by salted digest. After erasure only the digest is left.
struct EvidenceRecord {
  std::string digest;
  EntryIndex entry = 0;
  std::string name;
  std::string media_type;
  struct Content {
    std::string salt;  ///< 16 raw bytes
    std::string bytes;
  };
  std::optional<Content> content;  ///< absent: erased by law, with a logged tombstone
};

// Stable lower-case names, as they appear in entries and in JSON ("rollback"), and their inverse.
// The parsers' error is kInvalidArgument.
std::string_view name_of(ActorVia via);
std::string_view name_of(VersionKind kind);
std::string_view name_of(PromotionState state);
std::string_view name_of(PromotionKind kind);
std::string_view name_of(ApprovalVerdict verdict);
std::string_view name_of(CheckStatus status);
std::string_view name_of(TokenScope scope);
Result<ActorVia> parse_actor_via(std::string_view text);
Result<VersionKind> parse_version_kind(std::string_view text);
Result<PromotionState> parse_promotion_state(std::string_view text);
Result<PromotionKind> parse_promotion_kind(std::string_view text);
Result<ApprovalVerdict> parse_approval_verdict(std::string_view text);
Result<CheckStatus> parse_check_status(std::string_view text);
Result<TokenScope> parse_token_scope(std::string_view text);

}  // namespace statehouse
