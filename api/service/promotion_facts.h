#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/service/core.h"
#include "crypto/base/limits.h"
#include "crypto/dsse.h"
#include "crypto/statement.h"
#include "policy/evaluate.h"
#include "policy/facts.h"
#include "store/git/oid_memory.h"

namespace statehouse {

/// One commit of a promotion, with what a reviewer is shown about it.
struct PromotedCommit {
  CommitFacts facts;
  std::string subject;  ///< first line of the message; from outside: escape it before showing it
  std::string author_name;
};

/// What an approver handed in, parsed.
struct GivenApproval {
  DsseEnvelope envelope;
  ApprovalStatement statement;
};

/// Everything about one promotion at one moment: the facts that policy judges, and what a reviewer
/// needs besides. A value.
struct PromotionSituation {
  PromotionRecord record;
  std::shared_ptr<const ActiveConfiguration> active;
  const Flow* flow = nullptr;      ///< in `active`; null when the flow is gone
  std::optional<RefState> target;  ///< where the target stands now
  PromotionFacts facts;
  std::vector<PromotedCommit> commits;    ///< same order as facts.commits
  std::vector<ApprovalRecord> approvals;  ///< same order as facts.approvals
  /// Same order again; none: its text was erased.
  std::vector<std::optional<GivenApproval>> given;
  /// The decision by which a merged one was merged (JSON); none: not merged, or its text was
  /// erased.
  std::optional<std::string> merged_by;
  ApprovalStatement
      statement;  ///< what an approver signs now: verdict approve, no drops, no expiry
};

/// Errors: as reading the ledger. None: its text was erased.
Result<std::optional<GivenApproval>> read_given(const Core& core, const ApprovalRecord& record);

/// The newest version of `target` that a promotion made, with that promotion; none when there is
/// none.
struct LastPromotion {
  VersionRecord version;
  PromotionRecord promotion;
};

/// Gathers the facts about promotions. Reads only. Threads: any.
class PromotionGatherer {
 public:
  explicit PromotionGatherer(const Core& core,
                             std::uint64_t commits_max = limits::kCommitsPerPromotionMax)
      : core_(core), commits_max_(commits_max) {}

  /// An open promotion is seen against the target as it stands now, an ended one against the base
  /// that it ended with. A declared baseline stands for all history below it: its ancestors are not
  /// among the commits. Errors: as reading the ledger and the objects; kConflict when there are
  /// more than `commits_max` commits.
  Result<PromotionSituation> gather(const PromotionRecord& record,
                                    const std::optional<ResourceName>& merger) const;

  /// Why nothing of `record` is left to promote, in words: what its target stands at, or its last
  /// promotion, holds the source commit already.
  Result<std::optional<std::string>> held_by_target(const PromotionRecord& record) const;

  /// Holds the promotion itself against the log, before something is moved on the strength of it:
  /// its row against the entries that opened and pinned it, and its tree against its commit.
  /// Errors: kCorrupt when one differs.
  Result<> verify_pin(const PromotionRecord& record) const;

  /// Verifies the approvals once more, before something is moved on the strength of them. Each row
  /// must say what its log entry says, proved to be in the log, and what is signed; one whose
  /// signature is not by the recorded key counts as stale. Errors: kCorrupt when a row differs.
  Result<> verify_approvals(PromotionSituation& situation) const;

 private:
  Result<> gather_commits(const GitRepository& source, PromotionSituation& situation) const;
  Result<PromotedCommit> commit_of(const GitRepository& source, const Oid& oid,
                                   const JudgingContext& context) const;
  Result<> gather_target(const GitRepository& source, PromotionSituation& situation) const;
  Result<> gather_history_of_target(const GitRepository& source,
                                    const std::optional<LastPromotion>& last,
                                    PromotionSituation& situation) const;
  Result<> gather_approvals(PromotionSituation& situation) const;
  static bool is_for_pinned_commit(const PromotionSituation& situation, std::size_t at);

  static constexpr std::size_t kCommitsRememberedMax = 40'000;

  const Core& core_;
  const std::uint64_t commits_max_;
  /// Of commits whose verdict is recorded: that, and what they say, never changes.
  mutable OidMemory<PromotedCommit> commits_{kCommitsRememberedMax};
};

/// Errors: kCorrupt when that version is not what the log says, or its commit was not made from the
/// promotion's source.
Result<std::optional<LastPromotion>> last_promotion_of(const Core& core, const RefKey& target);

}  // namespace statehouse
