#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/service/caller.h"
#include "api/service/core.h"
#include "api/service/refusal_log.h"
#include "policy/decision.h"
#include "store/git/quarantine.h"
#include "store/git/ref_files.h"

namespace statehouse {

/// One ref that is to move. None stands for "no such ref".
struct ProposedMove {
  RefKey key;
  std::optional<Oid> old_oid;  ///< where the caller believes it stands
  std::optional<Oid> new_oid;  ///< where it shall stand
};

/// Set when a promotion moves the ref.
struct PromotionMove {
  ResourceName flow;
  PromotionNumber number = 0;
  VersionKind kind = VersionKind::kPromotion;
  std::vector<std::string> approved_by;
  /// What the promotion itself was judged by; goes first into each decision.
  Decision decision;
  /// Under which version of the configuration. Once another is in force, the move is a kConflict:
  /// whoever judged the promotion judges it again.
  VersionNumber configuration = 0;
};

/// Everything the write path needs to know of one request. Borrowed references outlive the call.
struct MoveRequest {
  const AuthenticatedCaller& caller;
  ResourceName mover;         ///< the identity that policy judges
  RepositoryName repository;  ///< all moves are in it
  std::vector<ProposedMove> moves;
  const GitRepository& view;         ///< sees every object of the new tips
  Quarantine* quarantine = nullptr;  ///< what a push brought; made durable once it is allowed
  std::optional<PromotionMove> promotion = std::nullopt;
  /// Facts that are recorded with the move: verdicts on commits the store itself made.
  std::vector<CommitVerdictRecord> own_verdicts = {};
  /// More to write in the same ledger transaction, after the versions.
  std::function<Result<>(Transaction&, const std::vector<RecordedVersion>&)> also = nullptr;
  bool dry_run = false;  ///< decide, change and log nothing
};

/// What became of it.
struct MoveOutcome {
  bool accepted = false;  ///< false also for a dry run that would be accepted: see `decisions`
  std::vector<Decision> decisions;      ///< one per move, in order
  std::vector<VersionRecord> versions;  ///< one per move, when accepted
  std::optional<EntryIndex> entry;      ///< of the first version, or of the refusal
};

/// Told of each accepted move; `published` says whether its ref files were written.
using MovedListener = std::function<void(const std::vector<RecordedVersion>&, bool published)>;

/// The one way in which a ref moves (design.md section 4). Pushes, promotions, imports and changes
/// of the store's own configuration all come through here.
///
/// The order: names and old values against the ledger → connectivity → every new commit judged →
/// decision → objects durable → ref files locked → LEDGER COMMIT → ref files published → served. A
/// power loss before the commit leaves nothing; after it, start rolls the ref files forward from
/// the outbox.
///
/// Threads: any; the caller holds the repository's turn from before it looked at anything.
class WritePath {
 public:
  WritePath(Core& core, RefusalLog& refusals) : core_(core), refusals_(refusals) {}

  /// Called after each accepted move, on the moving thread, with what was recorded.
  void on_moved(MovedListener listener) { on_moved_ = std::move(listener); }

  /// A refusal by policy is an outcome, logged, not an error.
  /// Errors:
  ///   kInvalidArgument  the objects break a rule that no policy can lift (missing objects, not a
  ///   commit) kConflict         a ref is not where the caller believes it is; nothing was decided
  ///   kUnavailable      the store takes no writes now; nothing happened
  ///   kInternal         OUTCOME UNKNOWN: the ledger stopped; a restart finds out
  /// REQUIRES: `turn` is for `request.repository`.
  Result<MoveOutcome> move(const RepositoryQueue::Turn& turn, const MoveRequest& request);

 private:
  struct Candidate;  // one move with everything gathered about it
  struct Attempt;    // all candidates under one version of the configuration

  Result<Attempt> attempt(const MoveRequest& request) const;
  Result<Candidate> gather(const MoveRequest& request, const ProposedMove& move,
                           const ActiveConfiguration& active) const;
  Result<> gather_commits(const MoveRequest& request, const ActiveConfiguration& active,
                          Candidate& candidate) const;
  Result<Decision> decide(const MoveRequest& request, const Candidate& candidate,
                          const ActiveConfiguration& active) const;
  Result<MoveOutcome> decide_and_move(const MoveRequest& request, PublishedObjects& published,
                                      bool& outcome_unknown);
  Result<MoveOutcome> refuse(const MoveRequest& request, const Attempt& attempt) const;
  Result<MoveOutcome> accept(const MoveRequest& request, const Attempt& attempt,
                             bool& outcome_unknown);
  Result<std::vector<RecordedVersion>> commit(const MoveRequest& request,
                                              const Attempt& attempt) const;
  Result<RecordedVersion> record(Transaction& transaction, const MoveRequest& request,
                                 const Attempt& attempt, const Candidate& candidate) const;
  bool configuration_moved_since(VersionNumber version) const;
  void publish(const MoveRequest& request, RefLocks& locks,
               const std::vector<RecordedVersion>& recorded);

  Core& core_;
  RefusalLog& refusals_;
  MovedListener on_moved_;
};

}  // namespace statehouse
