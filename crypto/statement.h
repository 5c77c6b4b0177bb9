#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/merkle.h"

namespace statehouse {

// The statements that are signed, as typed values <-> exact payload bytes (JSON, names sorted).
//
// `payload()` makes the bytes once; they are kept and never made again. `parse()` is strict: every
// member present with its type, no other member, ids and digests well formed, and values that occur
// twice (in-toto subject and predicate) equal. Neither checks a signature: open the DSSE envelope
// first (crypto/dsse.h, crypto/trust.h).
//
// Object ids are 40 lower-case hexadecimal digits. Members called `sha256` hold 64 bare hexadecimal
// digits, as in-toto digest sets do; `policyDigest` and `previous` hold "sha256:" and 64 digits.
// Sizes in bytes. All functions are pure; errors of `parse` are kInvalidArgument.

inline constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
inline constexpr std::string_view kVersionPredicateType = "https://statehouse.dev/version/v1";
inline constexpr std::string_view kApprovalPredicateType = "https://statehouse.dev/approval/v1";
inline constexpr std::string_view kHeadType = "https://statehouse.dev/head/v1";

/// One accepted move of a ref, as the store attests it. Never expires; logged once.
/// DSSE payload type kInTotoPayloadType.
struct VersionStatement {
  std::string origin;
  std::uint64_t epoch = 0;
  std::string repository;
  std::string ref;
  std::uint64_t version = 0;
  std::string kind;  ///< push, import, promotion, rollback or initial
  std::string commit;
  std::string commit_sha256;  ///< of `commit <size>\0<bytes>`
  std::string tree;
  std::string tree_sha256;     ///< the tree's id in a SHA-256 repository
  std::string archive_sha256;  ///< of the uncompressed archive, format ustar-v1
  std::uint64_t archive_size = 0;
  std::string policy_digest;
  std::optional<std::string> previous;  ///< digest of the previous version's payload
  Timestamp time;
  std::uint64_t entry = 0;  ///< log index of the ref.updated entry

  [[nodiscard]] std::string payload() const;
  static Result<VersionStatement> parse(std::string_view payload);
  bool operator==(const VersionStatement&) const = default;
};

/// Where readable refs stand, with an expiry: the answer to freezing. Signed on demand, not logged.
/// DSSE payload type kHeadPayloadType.
struct HeadStatement {
  struct Ref {
    std::string repository;
    std::string ref;
    std::uint64_t version = 0;
    std::string commit;
    std::string tree;
    bool operator==(const Ref&) const = default;
  };

  std::string origin;
  std::uint64_t epoch = 0;
  std::vector<Ref> refs;  ///< `payload` sorts them by repository, then ref; `parse` requires it
  std::uint64_t checkpoint_size = 0;
  MerkleHash checkpoint_root;
  Timestamp issued;
  Timestamp expires;

  /// The entry for one ref, or null.
  [[nodiscard]] const Ref* find(std::string_view repository, std::string_view ref) const;

  [[nodiscard]] std::string payload() const;
  static Result<HeadStatement> parse(std::string_view payload);
  bool operator==(const HeadStatement&) const = default;
};

enum class ApprovalVerdict { kApprove, kReject };

/// A reviewer's word on one exact promotion. The server builds the statement for the promotion as
/// it stands and compares (`is_about_same_as`). DSSE payload type kInTotoPayloadType.
struct ApprovalStatement {
  std::string origin;
  std::uint64_t epoch = 0;
  std::uint64_t promotion = 0;
  ApprovalVerdict verdict = ApprovalVerdict::kApprove;
  std::string source_repository;
  std::string source_ref;
  std::string source_commit;
  std::string source_commit_sha256;
  std::string target_repository;
  std::string target_ref;
  std::optional<std::string> target_base;  ///< the commit the target stood at; none: no target yet
  std::string tree;                        ///< the resulting tree
  std::string tree_sha256;
  std::string flow;
  std::string policy_digest;
  std::vector<std::uint64_t> drops;  ///< versions of the target whose own changes are given up
  Timestamp issued;  ///< the signer's clock; a signer's older word never replaces a newer one
  std::optional<Timestamp> expires;

  /// True when everything but the signer's own words (verdict, issued, expires) is equal.
  [[nodiscard]] bool is_about_same_as(const ApprovalStatement& other) const;

  [[nodiscard]] std::string payload() const;
  static Result<ApprovalStatement> parse(std::string_view payload);
  bool operator==(const ApprovalStatement&) const = default;
};

}  // namespace statehouse
