#include "policy/approvals.h"

#include <algorithm>
#include <map>

#include "policy/words.h"

namespace statehouse {

namespace {

const std::vector<ApprovalClause>& clauses_that_apply(const Flow& flow, bool is_rollback) {
  if (is_rollback && flow.rollback && flow.rollback->approvals) return *flow.rollback->approvals;
  return flow.approvals;
}

std::string circle_of(const ApprovalClause& clause) {
  return words::list(clause.from, [](const Principal& principal) { return principal.str(); });
}

std::string versions_in_words(const std::vector<VersionNumber>& versions) {
  return words::list(versions, [](VersionNumber version) { return std::to_string(version); });
}

}  // namespace

/// A target that moves makes an approval stale, for it was of another change; whoever rejected it
/// has not thereby agreed.
std::set<ResourceName> rejecting_identities(const PromotionFacts& facts) {
  std::map<ResourceName, const ApprovalFacts*> latest;
  for (const ApprovalFacts& approval : facts.approvals) {
    if (!approval.is_for_pinned_commit) continue;
    const ApprovalFacts*& known = latest[approval.identity];
    if (known == nullptr || approval.received >= known->received) known = &approval;
  }
  std::set<ResourceName> rejecting;
  for (const auto& [identity, approval] : latest) {
    if (approval->verdict == ApprovalVerdict::kReject) rejecting.insert(identity);
  }
  return rejecting;
}

Approvals::Approvals(const Configuration& configuration, const Flow& flow,
                     const PromotionFacts& facts)
    : configuration_(configuration),
      facts_(facts),
      policy_("flow:" + flow.name.str()),
      clauses_(clauses_that_apply(flow, facts.rollback.has_value())),
      // A rollback's commits were all reviewed when they went forward; what needs a second pair of
      // eyes is the wish to go back.
      classes_(facts.rollback ? classes_of(configuration, {}, facts.opener)
                              : classes_of(configuration, facts.commits, facts.opener)),
      rejecting_(rejecting_identities(facts)) {}

bool Approvals::drops_own_changes(const ApprovalFacts& approval) const {
  return facts_.rollback ||
         std::ranges::all_of(facts_.target_own_changes, [&](VersionNumber version) {
           return std::ranges::find(approval.drops, version) != approval.drops.end();
         });
}

Approvals::Void Approvals::void_for(const ApprovalFacts& approval,
                                    const ApprovalClause& clause) const {
  if (approval.verdict != ApprovalVerdict::kApprove || rejects(approval.identity)) {
    return Void::kRejected;
  }
  if (!approval.matches_current_revision) return Void::kStale;
  if (approval.expires && facts_.now >= *approval.expires) return Void::kExpired;
  if (clause.valid_for && facts_.now >= approval.received + *clause.valid_for) {
    return Void::kExpired;
  }
  const KeyEntry* const key = configuration_.keys().find(approval.fingerprint);
  if (key == nullptr || key->identity != approval.identity ||
      configuration_.keys().standing(approval.fingerprint, KeyUsage::kApprovals, facts_.now) !=
          KeyStanding::kGood) {
    return Void::kKey;
  }
  if (!configuration_.names(clause.from, approval.identity)) return Void::kNotAsked;
  if (!drops_own_changes(approval)) return Void::kKeepsChanges;
  return Void::kNo;
}

std::set<ResourceName> Approvals::counted(const ApprovalClause& clause,
                                          const CommitClass& one) const {
  std::set<ResourceName> identities;
  for (const ApprovalFacts& approval : facts_.approvals) {
    if (void_for(approval, clause) != Void::kNo) continue;
    if (one.approve_after && approval.received < *one.approve_after) continue;
    if (is_independent(configuration_, approval.identity, one.hands)) {
      identities.insert(approval.identity);
    }
  }
  return distinct_people(configuration_, identities);
}

std::vector<CommitClass> Approvals::classes(const ApprovalClause& clause) const {
  if (clause.independence == Independence::kPromotion) return {merged_class(classes_)};
  return classes_;
}

bool Approvals::met(const ApprovalClause& clause) const {
  return std::ranges::all_of(classes(clause), [&](const CommitClass& one) {
    return counted(clause, one).size() >= clause.count;
  });
}

ClauseProgress Approvals::progress(const ApprovalClause& clause) const {
  const CommitClass all = merged_class(classes_);
  const std::set<ResourceName> counted_for_all = counted(clause, all);
  ClauseProgress progress;
  progress.needed = clause.count;
  progress.counted.assign(counted_for_all.begin(), counted_for_all.end());
  std::set<ResourceName> helping;
  for (const CommitClass& one : classes(clause)) helping.merge(counted(clause, one));
  progress.helping.assign(helping.begin(), helping.end());
  progress.met = met(clause);
  for (const ResourceName& able : able_approvers(configuration_, clause.from, facts_.now)) {
    if (!counted_for_all.contains(able) && is_independent(configuration_, able, all.hands)) {
      progress.eligible.push_back(able);
    }
  }
  return progress;
}

void Approvals::judge(Decision& decision) const {
  judge_rejections(decision);
  if (clauses_.empty()) {
    decision.pass(policy_, "approvals", "the flow asks for no approvals");
  }
  for (const ApprovalClause& clause : clauses_) judge_clause(clause, decision);
  judge_own_changes(decision);
  judge_compromised(decision);
}

/// A rejection blocks when it comes from somebody whose approval is asked for.
void Approvals::judge_rejections(Decision& decision) const {
  std::set<ResourceName> rejecting;
  for (const ApprovalFacts& approval : facts_.approvals) {
    const bool asked = std::ranges::any_of(clauses_, [&](const ApprovalClause& clause) {
      return configuration_.names(clause.from, approval.identity);
    });
    if (asked && rejects(approval.identity)) rejecting.insert(approval.identity);
  }
  if (rejecting.empty()) return;
  decision.fail(policy_, "rejected", "rejected by " + words::identities(rejecting),
                "settle it with them: an approval by the same person lifts the rejection, as does "
                "statehouse promotion update with a new commit");
}

void Approvals::judge_clause(const ApprovalClause& clause, Decision& decision) const {
  const std::string needed = words::count(clause.count, "approval") + " from " + circle_of(clause);
  if (clause.count == 0) {
    decision.pass(policy_, "approvals", "no approval is asked for");
    return;
  }
  for (const CommitClass& one : classes(clause)) {
    const std::set<ResourceName> counting = counted(clause, one);
    if (counting.size() >= clause.count) continue;
    std::set<ResourceName> open = able_approvers(configuration_, clause.from, facts_.now);
    std::erase_if(open, [&](const ResourceName& identity) {
      return counting.contains(identity) || !is_independent(configuration_, identity, one.hands);
    });
    const std::string about = one.example.is_zero() ? "" : " for " + words::commit(one.example);
    decision.fail(policy_, "approvals",
                  "needs " + needed + about + ", has " + std::to_string(counting.size()) +
                      (counting.empty() ? "" : " (" + words::identities(counting) + ")"),
                  open.empty()
                      ? "nobody else in " + circle_of(clause) +
                            " is independent and has a key for approvals: add somebody "
                            "there in system"
                      : "ask " + words::identities(open) + ": statehouse promotion approve " +
                            std::to_string(facts_.number));
    explain_unmet(clause, decision);
    return;
  }
  decision.pass(policy_, "approvals", "has " + needed);
}

std::string Approvals::why_void(const ApprovalFacts& approval, const ApprovalClause& clause,
                                Void why) const {
  const std::string who = "the approval of " + approval.identity.str();
  switch (why) {
    case Void::kStale:
      return who + " is for another revision" +
             (approval.stale_reason.empty() ? ""
                                            : ": " + escape_for_message(approval.stale_reason));
    case Void::kExpired:
      return who + " has expired";
    case Void::kKey:
      return who + " was signed with a key that is not in service for approvals";
    case Void::kNotAsked:
      return who + " does not count: it is not in " + circle_of(clause);
    case Void::kNo:
    case Void::kKeepsChanges:
    case Void::kRejected:
      return {};
  }
  return {};
}

/// Says of each approval given why it did not help, so that nobody has to guess.
void Approvals::explain_unmet(const ApprovalClause& clause, Decision& decision) const {
  for (const ApprovalFacts& approval : facts_.approvals) {
    const std::string number = std::to_string(facts_.number);
    const Void why = void_for(approval, clause);
    const std::string reason = why_void(approval, clause, why);
    if (why == Void::kStale || why == Void::kExpired) {
      decision.fail(policy_, "stale", reason,
                    "look again, then: statehouse promotion approve " + number);
    } else if (why == Void::kKey) {
      decision.fail(policy_, "approvals", reason,
                    "approve again with a key in service: statehouse promotion approve " + number);
    } else if (why == Void::kNotAsked) {
      decision.fail(policy_, "approvals", reason, "ask somebody of " + circle_of(clause));
    }
    if (why != Void::kNo) continue;
    for (const CommitClass& one : classes(clause)) {
      if (is_independent(configuration_, approval.identity, one.hands)) continue;
      decision.fail(policy_, "self-approval",
                    approval.identity.str() +
                        (one.example.is_zero() ? std::string(" asked for this")
                                               : " had a hand in " + words::commit(one.example)) +
                        ": the approval does not count for it",
                    "ask somebody else of " + circle_of(clause) + " to approve");
      break;
    }
  }
}

void Approvals::judge_own_changes(Decision& decision) const {
  if (facts_.target_own_changes.empty() || facts_.rollback) return;
  const bool somebody_agreed = std::ranges::any_of(clauses_, [&](const ApprovalClause& clause) {
    return std::ranges::any_of(
        classes(clause), [&](const CommitClass& one) { return !counted(clause, one).empty(); });
  });
  const std::string versions = versions_in_words(facts_.target_own_changes);
  if (somebody_agreed && std::ranges::all_of(clauses_, [&](const auto& c) { return met(c); })) {
    decision.pass(policy_, "target-has-own-changes",
                  "every approval that counts drops version " + versions + " of the target");
    return;
  }
  decision.fail(policy_, "target-has-own-changes",
                facts_.target.str() + " has changes that the source lacks: version " + versions,
                "bring them into the source and update the promotion, or have every approver sign "
                "that they are dropped: statehouse promotion approve " +
                    std::to_string(facts_.number));
}

/// A compromised key's commits need eyes after the fact even where the flow asks for none.
void Approvals::judge_compromised(Decision& decision) const {
  for (const CommitClass& one : classes_) {
    if (!one.approve_after) continue;
    ApprovalClause anew;
    for (const ApprovalClause& clause : clauses_) {
      anew.from.insert(anew.from.end(), clause.from.begin(), clause.from.end());
    }
    if (anew.from.empty()) anew.from = {{Principal::Kind::kGroup, "administrators", {}}};
    if (!counted(anew, one).empty()) continue;
    decision.fail(policy_, "compromised-key",
                  words::commit(one.example) + " was signed by a key that was compromised then",
                  "have it approved again by somebody who knows that it is genuine: statehouse "
                  "promotion approve " +
                      std::to_string(facts_.number));
    return;
  }
}

}  // namespace statehouse
