#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/json.h"
#include "crypto/merkle.h"
#include "store/ledger/records.h"
#include "store/model/name.h"

namespace statehouse {

/// Every type of event there is. The list is closed: schemas/events/ has one schema for each.
enum class EventType {
  kStoreInitialized,
  kRefUpdated,
  kRefRefused,
  kConfigurationActivated,
  kStatementIssued,
  kPromotionOpened,
  kPromotionUpdated,
  kPromotionCommented,
  kPromotionApproved,
  kPromotionRejected,
  kPromotionRefused,
  kPromotionClosed,
  kTokenCreated,
  kTokenRevoked,
  kCheckReported,
  kIdentitySuspended,
  kReconcilerReported,
  kIntegrityAlarmed,
  kEvidenceErased,
  kEpochDeclared,
  kTrustPublished,
};
inline constexpr std::size_t kEventTypes = 21;

/// "statehouse.ref.updated", and its inverse (kInvalidArgument for anything else).
std::string_view name_of(EventType type);
Result<EventType> parse_event_type(std::string_view text);

/// Bytes that stay out of the log and are bound to it by a salted digest: decisions, approvals,
/// comments, any free text. At most limits::kEvidenceBytesMax. `name` is a field-like word
/// ("decision"), unique within one entry.
struct Evidence {
  std::string name;
  std::string media_type;
  std::string bytes;
};

/// An event about to be logged. `data` is an object of bounded, validated values (names, ids,
/// digests, counts; never free text), without "actor" and "evidence": those are added here.
struct EntryDraft {
  EventType type;
  std::string subject;  ///< "platform:refs/heads/audit", "promotion/12", "token/tok_…", "system"
  Actor actor;
  Json data = Json::object();
  std::vector<Evidence> evidence = {};
};

/// A logged event. `bytes` are exactly what was hashed; they are never serialised again.
struct AppendedEntry {
  EntryIndex index = 0;
  Timestamp time;
  MerkleHash leaf_hash;  ///< SHA-256(0x00 || bytes)
  std::string bytes;
  std::vector<std::string> evidence_digests;  ///< in the order of EntryDraft::evidence
};

/// {"identity":…,"token":…,"via":…}
Json actor_json(const Actor& actor);

struct ParsedEntry;

/// `data` of a ref.updated entry, without actor and evidence.
/// `verdicts` are those that the move brought, in order of their commits' ids.
Json ref_updated_data(const VersionDraft& draft, const std::optional<PreviousVersion>& previous,
                      const std::vector<CommitVerdictRecord>& verdicts);

/// What binds recorded verdicts to the entry of the move that brought them: SHA-256 as digest text,
/// over one line per verdict, "<commit> <commitSha256> <sha256 of the verdict's bytes> <pusher or
/// -> <received>\n". REQUIRES: in order of the commits' ids.
std::string verdicts_digest(const std::vector<CommitVerdictRecord>& verdicts);
/// The digest that a ref.updated entry states. Errors: kInvalidArgument.
Result<std::string> stated_verdicts_digest(const ParsedEntry& entry);
/// `data` of a statement.issued entry, without actor and evidence.
Json statement_issued_data(const StatementRecord& statement, const VersionRecord& version);

/// SHA-256("statehouse/evidence/v1\0" || salt || bytes) as digest text. REQUIRES: 16 bytes of salt.
std::string evidence_digest(std::string_view salt, std::string_view bytes);

/// What is common to all entries of a log, and the position and time of this one.
struct EntryEnvelope {
  std::string_view origin;
  Epoch epoch = 1;
  EntryIndex index = 0;
  Timestamp time;
  std::string_view nonce;  ///< 16 raw bytes
};

/// One piece of evidence with its salt drawn and its digest computed.
struct SealedEvidence {
  std::string digest;
  std::string salt;
  Evidence evidence;
};

/// The exact bytes of a log entry: a CloudEvents 1.0 structured event (compact JSON, sorted names).
/// Errors: kInvalidArgument (data is not an object or already has actor or evidence; empty or
/// overlong subject; two pieces of evidence of one name; longer than limits::kEntryBytesMax).
Result<std::string> build_entry(const EntryEnvelope& envelope, const EntryDraft& draft,
                                const std::vector<SealedEvidence>& evidence);

/// An entry read back. Strict: every envelope member present, no others, known type.
struct ParsedEntry {
  EventType type;
  std::string subject;
  std::string source;
  Epoch epoch = 0;
  std::string id;
  Timestamp time;
  Actor actor;
  Json data;  ///< whole, with actor and evidence
  std::vector<std::string> evidence_digests;
};
Result<ParsedEntry> parse_entry(std::string_view bytes);

/// The VersionDraft, previous version and (from `entry`, `time`) record that a ref.updated entry
/// states. Errors: kInvalidArgument.
Result<VersionRecord> parse_ref_updated(const ParsedEntry& entry, EntryIndex index);

/// What a promotion.opened or .updated entry states of an open promotion: all but opener, times and
/// free text. Errors: kInvalidArgument.
Result<PromotionRecord> parse_promotion_pinned(const ParsedEntry& entry);

}  // namespace statehouse
