#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/statement.h"
#include "store/model/name.h"
#include "store/model/oid.h"

// What a decision rests on, gathered by the caller (api/service) and judged by policy/evaluate.h.
// Plain values: no I/O, no clock; `now` is a fact like any other. A fact that could not be
// established must be given in its refusing form (e.g. a commit that could not be parsed is
// kMalformed): there is no "unknown" that passes.

namespace statehouse {

enum class SignatureState : std::uint8_t {
  kGood,         ///< good, by a key that was in service for commits when the commit was received
  kUnsigned,     ///< no signature
  kMalformed,    ///< not the canonical shape, or the signature cannot be parsed
  kBad,          ///< the bytes do not verify
  kUnknownKey,   ///< verifies, by a key that no identity has
  kKeyNotValid,  ///< verifies, by a key that is revoked, expired or not for this purpose
};
std::string_view signature_state_name(SignatureState state);

enum class SignatureFormat : std::uint8_t { kNone, kSsh, kOpenPgp };

/// What was found about one signature, recorded when the object was first received.
struct SignatureVerdict {
  SignatureState state = SignatureState::kUnsigned;
  SignatureFormat format = SignatureFormat::kNone;
  std::string fingerprint;               ///< empty when there is none
  std::optional<ResourceName> identity;  ///< who has the key; also for kKeyNotValid
  std::string key_name;
  std::string reason;  ///< in words; empty when good

  bool operator==(const SignatureVerdict&) const = default;
};

/// The recorded form: {"state":"good","format":"ssh","fingerprint":…,"identity":…|null,"keyName":…,
/// "reason":…}. `signature_verdict_from_json` refuses anything else (kInvalidArgument).
nlohmann::json to_json(const SignatureVerdict& verdict);
Result<SignatureVerdict> signature_verdict_from_json(const nlohmann::json& json);

/// One commit that a ref would newly contain.
///
/// The people behind it are those of the recorded identities and, besides, whoever has its e-mail
/// addresses under the deciding configuration: giving an address away later frees nobody.
struct CommitFacts {
  Oid oid;
  std::vector<Oid> parents;
  std::string author_email;
  std::string committer_email;
  std::vector<std::string> co_author_emails;  ///< see `co_author_emails`
  std::optional<ResourceName> author;         ///< as resolved when first received; optional
  std::optional<ResourceName> committer;      ///< as resolved when first received; optional
  std::vector<ResourceName> co_authors;       ///< as resolved when first received
  SignatureVerdict signature;
  bool is_baseline = false;            ///< reachable from a declared baseline
  bool is_seal = false;                ///< made and signed by this store
  std::optional<ResourceName> pusher;  ///< who first brought it; nullopt only for seals
  std::optional<Timestamp> received;   ///< when; nullopt means in this very push
};

/// The addresses of every `Co-authored-by:` line of a commit message, wherever it stands (people
/// put them in the body too, and missing one would let a co-author approve). At most 1,000.
std::vector<std::string> co_author_emails(std::string_view message);

enum class UpdateKind : std::uint8_t { kCreate, kUpdate, kDelete };

/// One ref move asked for by a push, a promotion or an import.
struct UpdateFacts {
  RefKey key;
  UpdateKind kind = UpdateKind::kUpdate;
  std::optional<Oid> old_oid;  ///< nullopt for kCreate
  std::optional<Oid> new_oid;  ///< nullopt for kDelete
  bool fast_forward = true;    ///< the old commit is an ancestor of the new one; true for kCreate
  std::vector<CommitFacts> new_commits;  ///< reachable from new, not from old; oldest first
  ResourceName pusher;                   ///< who asks; for a promotion, who merges
  std::optional<ResourceName> via_flow;  ///< set when a promotion moves the ref
  bool is_import = false;                ///< the new tip is, or rests on, a declared baseline
  Timestamp now;
};

/// One signed statement about a promotion whose signature the caller has verified. The key's
/// standing and the signer's groups are looked up again at every evaluation.
struct ApprovalFacts {
  ResourceName identity;
  std::string fingerprint;
  ApprovalVerdict verdict = ApprovalVerdict::kApprove;
  bool matches_current_revision = false;  ///< every signed field equals the promotion's today
  std::string stale_reason;               ///< in words, when it does not match
  /// The promotion was not updated since, or, of a rejection, pins that commit again; the target or
  /// the policies may have changed. Implied by matches_current_revision.
  bool is_for_pinned_commit = false;
  Timestamp received;
  std::optional<Timestamp> expires;  ///< the signer's own limit; at that instant it is over
  std::vector<VersionNumber> drops;  ///< versions whose changes the signer agrees to lose
};

struct RollbackFacts {
  VersionNumber to_version = 0;
  Timestamp accepted;  ///< when that version was
};

/// Everything about one promotion at one moment.
struct PromotionFacts {
  PromotionNumber number = 0;
  ResourceName flow;
  RefKey source;
  Oid source_commit;
  RefKey target;
  std::optional<Oid> base;           ///< the target's commit now; nullopt when it has none
  VersionNumber base_version = 0;    ///< the target's version now
  std::vector<CommitFacts> commits;  ///< reachable from the source commit, not from `base`
  bool fast_forward = true;          ///< `base` is an ancestor of the source commit (or absent)
  std::vector<ApprovalFacts> approvals;
  std::optional<std::string> superseded_by;  ///< in words ("promotion 14"); set when superseded
  std::vector<VersionNumber> target_own_changes;  ///< versions of the target not in the source
  std::optional<RollbackFacts> rollback;          ///< set when this goes back to a version
  std::optional<std::string> automatic_hold;      ///< why automatic merges wait, when they do
  bool merge_is_automatic = false;                ///< nobody asks; the flow merges by itself
  ResourceName opener;
  std::optional<ResourceName> merger;  ///< who asks for the merge now; nullopt when only looking
  Timestamp now;
};

}  // namespace statehouse
