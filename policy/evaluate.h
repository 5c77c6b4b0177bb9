#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/configuration.h"
#include "policy/decision.h"
#include "policy/facts.h"

// The pure decision: (configuration, facts) -> decision. No I/O, no clock, no state; threads: any.
//
// Composition. Grants (`read`, `update.by`, a flow's `promote` and `merge.by`) are the union over
// the matching policies, whatever their enforcement; what no grant gives is refused, and that
// refusal is the store's own: `enforcement: evaluate` never turns default deny off. Everything else
// is a requirement: each matching policy's must pass; those of a policy under `evaluate` are
// recorded as would-deny and let pass. Force pushes and deletions need one matching policy that
// says `allow` and none (under `enforce`) that says `deny`.
//
// Rules, in the order looked at:
//   ungoverned           no policy matches the ref
//   flow-only            only promotions move the ref
//   update               no grant names the pusher (or the flow)
//   force-push, delete   not allowed
//   baseline             an import whose tip is no declared baseline
//   signatures           a new commit is not signed by a known key in service
//   signers              a new commit is signed by somebody else than the policy's signers
//   committer-is-signer  a committer's address is not the signing identity's
//   eligible-approver    (push) a flow that starts here could never find enough approvers
// and for promotions besides:
//   flow                 no such flow, or it does not connect these refs
//   superseded           the target already contains this or something newer
//   target-has-own-changes  the target holds versions the source lacks; approvals must drop them
//   max-age              a rollback to a version older than the flow allows
//   not-fast-forward     strategy fast-forward, and the source does not contain the target
//   rejected             an approver's standing rejection
//   approvals            a clause lacks approvals
//   self-approval        besides, somebody with a hand in a commit approved it
//   stale                besides, there are approvals of an earlier revision or expired ones
//   compromised-key      a commit signed by a compromised key needs an approval given afterwards
//   held                 automatic merges wait for a person
//   promote, merge       no grant names who opens or merges

namespace statehouse {

/// Whether `facts` may happen. Each ref of a push is decided separately; one refusal refuses all.
Decision evaluate_update(const Configuration& configuration, const UpdateFacts& facts);

/// Whether `pusher` may push to `key` at all (rules ungoverned, flow-only and update), whatever is
/// pushed and wherever the ref stands.
Decision evaluate_push_permission(const Configuration& configuration, const RefKey& key,
                                  const ResourceName& pusher);

/// Whether the promotion is ready to merge: everything but the permission of the merger, plus
/// `evaluate_merge_permission` when `facts.merger` is set. `Decision::blocked_by` is the contract's
/// `blockedBy`.
Decision evaluate_promotion(const Configuration& configuration, const PromotionFacts& facts);

enum class PromotionPhase : std::uint8_t { kBlocked, kReady, kHeld, kSuperseded };
std::string_view promotion_phase_name(PromotionPhase phase);
/// The phase of an open promotion, from its decision.
PromotionPhase promotion_phase(const Decision& decision);

/// Approvals so far of one clause, for the reviewer's screen.
struct ClauseProgress {
  unsigned needed = 0;
  std::vector<ResourceName> counted;   ///< whose approval counts for every commit, sorted
  std::vector<ResourceName> helping;   ///< whose approval counts for at least one commit, sorted
  std::vector<ResourceName> eligible;  ///< who could still approve and would count for every commit
  bool met = false;
};
/// One per clause of the flow (or of its rollback), in order. Empty when there is no such flow.
std::vector<ClauseProgress> approval_progress(const Configuration& configuration,
                                              const PromotionFacts& facts);

/// Whose latest word on the pinned commit is a rejection; their earlier approvals are void. Whether
/// they are asked at all is the flow's question.
std::set<ResourceName> rejecting_identities(const PromotionFacts& facts);

/// Whether `identity` may open a promotion of `source` through `flow`, or go back on its target.
Decision evaluate_open_permission(const Configuration& configuration, const ResourceName& flow,
                                  const RefKey& source, const ResourceName& identity);

/// Whether `identity` may merge promotions of `source` through `flow`.
Decision evaluate_merge_permission(const Configuration& configuration, const ResourceName& flow,
                                   const RefKey& source, const ResourceName& identity);

/// Whether `identity` (nullopt: no token) may read `key`. Administrators read everything.
bool may_read(const Configuration& configuration, const std::optional<ResourceName>& identity,
              const RefKey& key);

/// Those of `keys` that `identity` may read, in the same order.
std::vector<RefKey> readable(const Configuration& configuration,
                             const std::optional<ResourceName>& identity,
                             const std::vector<RefKey>& keys);

/// Members of `administrators`: may mint tokens and read everything. Not more.
bool is_administrator(const Configuration& configuration, const ResourceName& identity);

/// Members of `administrators` and `auditors`: may read every log entry.
bool may_read_entries(const Configuration& configuration,
                      const std::optional<ResourceName>& identity);

/// "sha256:<hex>" of the canonical JSON {"flow": <flow>|null, "groups": {name: [members]},
/// "policies": [those that match `key`, by name]}, where the groups are all that the flow and the
/// policies name. Changes when, and only when, something that could change a decision about `key`
/// changes there. For a promotion, `key` is the target.
std::string policy_digest(const Configuration& configuration, const RefKey& key,
                          const std::optional<ResourceName>& flow = std::nullopt);

/// Everybody with a hand in `commit`: author, committer, co-authors, signer and pusher, and for
/// robots among them also their owners. A baseline's hands are only who brought it; a seal has
/// none.
std::set<ResourceName> hands_in(const Configuration& configuration, const CommitFacts& commit);

}  // namespace statehouse
