#pragma once

#include <set>
#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "policy/independence.h"

namespace statehouse {

/// The approvals of one promotion, sorted into those that stand and those that do not, under the
/// configuration and the clock of this moment. Private to policy/.
///
/// An identity's word is its latest: an approval given before that identity's standing rejection
/// does not stand. The referenced facts must outlive the object.
class Approvals {
 public:
  Approvals(const Configuration& configuration, const Flow& flow, const PromotionFacts& facts);

  /// The clauses that apply: the flow's, or those of its rollback.
  [[nodiscard]] const std::vector<ApprovalClause>& clauses() const { return clauses_; }

  /// Whose approval counts for `one` under `clause`.
  [[nodiscard]] std::set<ResourceName> counted(const ApprovalClause& clause,
                                               const CommitClass& one) const;
  /// What `clause` asks approvals for: each class, or all of them as one.
  [[nodiscard]] std::vector<CommitClass> classes(const ApprovalClause& clause) const;
  /// Whether every class has its count of different people.
  [[nodiscard]] bool met(const ApprovalClause& clause) const;
  [[nodiscard]] ClauseProgress progress(const ApprovalClause& clause) const;

  /// Adds the rules `rejected`, `approvals`, `self-approval`, `stale`, `target-has-own-changes` and
  /// `compromised-key`.
  void judge(Decision& decision) const;

 private:
  /// Why a signed approval counts for nothing under `clause`, whatever the commit.
  enum class Void : std::uint8_t {
    kNo,
    kStale,
    kExpired,
    kKey,
    kNotAsked,
    kKeepsChanges,
    kRejected
  };

  [[nodiscard]] Void void_for(const ApprovalFacts& approval, const ApprovalClause& clause) const;
  [[nodiscard]] bool rejects(const ResourceName& identity) const {
    return rejecting_.contains(identity);
  }
  [[nodiscard]] bool drops_own_changes(const ApprovalFacts& approval) const;
  [[nodiscard]] std::string why_void(const ApprovalFacts& approval, const ApprovalClause& clause,
                                     Void why) const;

  void judge_rejections(Decision& decision) const;
  void judge_clause(const ApprovalClause& clause, Decision& decision) const;
  void explain_unmet(const ApprovalClause& clause, Decision& decision) const;
  void judge_own_changes(Decision& decision) const;
  void judge_compromised(Decision& decision) const;

  const Configuration& configuration_;
  const PromotionFacts& facts_;
  std::string policy_;  // "flow:NAME"
  const std::vector<ApprovalClause>& clauses_;
  std::vector<CommitClass> classes_;
  std::set<ResourceName> rejecting_;  // whose latest word on this revision is a rejection
};

}  // namespace statehouse
