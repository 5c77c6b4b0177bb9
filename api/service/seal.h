#pragma once

#include <optional>
#include <string>

#include "api/service/core.h"

namespace statehouse {

/// What a seal commit says.
struct SealDraft {
  std::optional<Oid> target_tip;  ///< first parent
  Oid source_commit;              ///< second parent
  Oid tree;                       ///< exactly what was approved
  RefKey source;
  RefKey target;
  PromotionNumber promotion = 0;
  VersionNumber version = 0;
  std::string title;  ///< of the promotion; may be empty
  SealFormat format = SealFormat::kOpenPgp;
  Timestamp time;
};

/// A commit that the store made and signed; durable in the target's repository.
struct SealCommit {
  Oid oid;
  CommitVerdictRecord verdict;  ///< to be recorded with the move
};

/// Builds, signs and writes the commit that moves a flow's target (docs/formats.md, "Seal commit"):
/// Flux verifies it as the tip, Argo CD's strict mode stops at it. Harmless when it is not used in
/// the end. REQUIRES: the queue's turn for the target's repository, which makes `version` stay
/// true.
Result<SealCommit> write_seal(const Core& core, const SealDraft& draft);

}  // namespace statehouse
