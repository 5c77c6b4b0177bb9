#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "crypto/base/clock.h"
#include "policy/diagnostic.h"
#include "policy/glob.h"
#include "store/model/name.h"
#include "store/model/oid.h"
#include "store/model/seal_format.h"

// The resources of the `system` repository, as value types, and their one reader. The fields, their
// names and their defaults are the contract of schemas/resources/*.schema.json; a test holds reader
// and schemas together. Nothing here refers to anything outside its own document: references are
// checked by Configuration.

namespace statehouse {

/// Where a resource, or one name in it, was written. Never part of equality.
struct Source {
  std::string file;
  Position at;
};

/// Who a grant or a requirement names.
///   alice            kIdentity   one person or robot
///   group:reviewers  kGroup      every member, at the moment of the decision
///   flow:deploy      kFlow       a promotion through that flow (only in `update.by`)
///   anyone           kAnyone     everybody, also without a token (only in `read`)
struct Principal {
  enum class Kind : std::uint8_t { kIdentity, kGroup, kFlow, kAnyone };

  Kind kind = Kind::kIdentity;
  std::string name;  ///< empty for kAnyone
  Position at;

  /// As written in YAML.
  [[nodiscard]] std::string str() const;
  bool operator==(const Principal& other) const { return kind == other.kind && name == other.name; }
};

using Principals = std::vector<Principal>;

/// A name in a list, with its place.
struct NamedAt {
  ResourceName name;
  Position at;
};

// --- Identity -----------------------------------------------------------------------------------

enum class KeyUsage : std::uint8_t { kCommits, kApprovals, kChecks, kLogin };
std::string_view key_usage_name(KeyUsage usage);

/// How a key left service.
///   retired, lost   verdicts given while it was in service stay
///   compromised     commits received at or after `since` must be approved anew
enum class RevocationReason : std::uint8_t { kRetired, kLost, kCompromised };
std::string_view revocation_reason_name(RevocationReason reason);

struct Revocation {
  Timestamp at;  ///< from then on the key proves nothing
  RevocationReason reason = RevocationReason::kRetired;
  std::optional<Timestamp> since;  ///< set exactly when `reason` is kCompromised; not after `at`
};

/// A public key in an Identity. Exactly one of `ssh` and `openpgp` is not empty.
struct IdentityKey {
  std::string name;                      ///< optional; what messages call the key
  std::string ssh;                       ///< "ssh-ed25519 AAAA… comment"
  std::string openpgp;                   ///< armored public key block
  std::optional<Timestamp> valid_from;   ///< inclusive
  std::optional<Timestamp> valid_until;  ///< exclusive
  std::vector<KeyUsage> usage;           ///< all four when the document does not say
  std::optional<Revocation> revoked;
  Position at;
};

enum class IdentityType : std::uint8_t { kPerson, kRobot };

struct Identity {
  ResourceName name;
  IdentityType type = IdentityType::kPerson;
  std::string display_name;
  std::vector<std::string> emails;  ///< as written; compared without regard to ASCII case
  std::vector<IdentityKey> keys;
  std::vector<NamedAt> owners;  ///< robots: at least one; persons: none
  Source source;
};

// --- Group --------------------------------------------------------------------------------------

/// A set of identities. Groups do not nest, so there are no cycles.
struct Group {
  ResourceName name;
  std::vector<NamedAt> members;
  Source source;
};

// --- Repository ---------------------------------------------------------------------------------

/// History accepted as it is: commits reachable from `commit` skip commit rules.
struct Baseline {
  RefName ref;
  Oid commit;
  Oid tree;
  std::string commit_sha256;  ///< "sha256:<64 hex>" of the commit object (FORMATS: commitSha256)
  std::string tree_sha256;    ///< "sha256:<64 hex>", the id of the tree in a SHA-256 repository
};

struct Repository {
  RepositoryName name;
  std::string description;
  std::optional<RefName> default_branch;
  std::vector<Baseline> baselines;
  Source source;
};

// --- Policy -------------------------------------------------------------------------------------

/// What failing a policy's requirements does: refuse, or only be recorded as `would-deny`.
enum class Enforcement : std::uint8_t { kEnforce, kEvaluate };

/// A permission that is denied unless some matching policy says allow and none says deny.
enum class Permission : std::uint8_t { kUnset, kDeny, kAllow };

enum class Signatures : std::uint8_t { kOptional, kRequired };

struct CommitRules {
  Signatures signatures = Signatures::kRequired;
  Principals signers;                ///< empty: any identity's good signature
  bool committer_is_signer = false;  ///< the committer's e-mail belongs to the signing identity
};

struct Policy {
  ResourceName name;
  std::vector<Glob> repositories;
  std::vector<Glob> refs;
  Enforcement enforcement = Enforcement::kEnforce;
  Principals read;       ///< grant
  Principals update_by;  ///< grant
  Permission force_push = Permission::kUnset;
  Permission deletion = Permission::kUnset;
  std::optional<CommitRules> commits;
  std::vector<Position> repository_positions;  ///< of `repositories`, same order
  Source source;

  [[nodiscard]] bool matches(const RefKey& key) const;
};

// --- Flow ---------------------------------------------------------------------------------------

/// What approvers must be independent of.
///   kCommit     each commit needs its count of approvers who had no hand in that commit
///   kPromotion  only approvers who had no hand in any of the commits count
enum class Independence : std::uint8_t { kCommit, kPromotion };

struct ApprovalClause {
  unsigned count = 1;  ///< 0 to 100
  Principals from;
  std::optional<Milliseconds> valid_for;  ///< since the approval was received; absent: no limit
  Independence independence = Independence::kCommit;
  Position at;
};

enum class Strategy : std::uint8_t { kSeal, kFastForward };

struct RollbackRules {
  std::optional<std::vector<ApprovalClause>> approvals;  ///< absent: as forward
  std::optional<Milliseconds> max_age;                   ///< of the version returned to
  std::optional<Milliseconds> review_within;
};

struct BreakGlassRules {
  std::vector<ApprovalClause> approvals;
  std::optional<Milliseconds> valid_for;
  std::vector<std::string> waives;  ///< of approvals, checks, soak, freeze
};

struct Flow {
  ResourceName name;
  RepositoryName from_repository;
  Glob from_ref;
  RefKey to;
  Strategy strategy = Strategy::kSeal;
  SealFormat seal_format = SealFormat::kOpenPgp;
  std::optional<Principals> promote;   ///< absent: who may read both ends
  std::optional<Principals> merge_by;  ///< absent: who may open one
  bool merge_auto = false;
  std::vector<ApprovalClause> approvals;
  std::optional<RollbackRules> rollback;
  std::optional<BreakGlassRules> break_glass;
  Source source;

  /// Whether a promotion through this flow may start at `key`.
  [[nodiscard]] bool starts_from(const RefKey& key) const {
    return key.repository == from_repository && from_ref.matches(key.ref);
  }
};

// --- Reading and writing ------------------------------------------------------------------------

using Resource = std::variant<Identity, Group, Repository, Policy, Flow>;

/// Reads every document of one file. Either all of it is right, or every problem found is listed:
/// unknown fields (with the nearest known one), missing fields, values of the wrong type.
/// Threads: any.
std::expected<std::vector<Resource>, Diagnostics> read_resources(std::string_view file,
                                                                 std::string_view bytes);

/// The `spec` of a policy or flow with the field names of the YAML form, defaults filled in, for
/// digests and for showing. Equal resources give equal bytes under dump_json.
nlohmann::json policy_to_json(const Policy& policy);
nlohmann::json flow_to_json(const Flow& flow);

std::string_view enforcement_name(Enforcement enforcement);

}  // namespace statehouse
