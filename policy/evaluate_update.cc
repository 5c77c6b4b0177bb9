#include <algorithm>
#include <optional>

#include "policy/commit_rules.h"
#include "policy/evaluate.h"
#include "policy/independence.h"
#include "policy/update_rules.h"
#include "policy/words.h"

namespace statehouse {

namespace {

using Policies = std::vector<const Policy*>;

bool grants(const Configuration& configuration, const Policy& policy, const UpdateFacts& facts) {
  if (!facts.via_flow) return configuration.names(policy.update_by, facts.pusher);
  const Flow* const flow = configuration.flow(*facts.via_flow);
  if (flow == nullptr || flow->to != facts.key) return false;
  const Principal principal{Principal::Kind::kFlow, flow->name.str(), {}};
  return std::ranges::find(policy.update_by, principal) != policy.update_by.end();
}

Principals all_granted(const Policies& policies) {
  Principals granted;
  for (const Policy* policy : policies) {
    for (const Principal& principal : policy->update_by) {
      if (std::ranges::find(granted, principal) == granted.end()) granted.push_back(principal);
    }
  }
  return granted;
}

std::string policy_to_blame(const Policies& policies) {
  const auto granting = std::ranges::find_if(
      policies, [](const Policy* policy) { return !policy->update_by.empty(); });
  return (granting == policies.end() ? policies.front() : *granting)->name.str();
}

/// "push to platform:refs/heads/audit, then: statehouse promotion create …"
std::string way_by_flow(const Configuration& configuration, const Principals& flows) {
  for (const Principal& principal : flows) {
    const auto name = ResourceName::parse(principal.name);
    const Flow* const flow = name ? configuration.flow(*name) : nullptr;
    if (flow == nullptr) continue;
    return "push to " + flow->from_repository.str() + ":" + flow->from_ref.str() +
           ", then: statehouse promotion create -R " + flow->to.repository.str() + " --flow " +
           principal.name;
  }
  return "open a promotion through one of these flows";
}

void refuse_grant(const Configuration& configuration, const Policies& policies,
                  const UpdateFacts& facts, Decision& decision) {
  const Principals granted = all_granted(policies);
  const std::string circle =
      granted.empty()
          ? "nobody"
          : words::list(granted, [](const Principal& principal) { return principal.str(); });
  const bool flows_only =
      !granted.empty() && std::ranges::all_of(granted, [](const Principal& principal) {
        return principal.kind == Principal::Kind::kFlow;
      });
  if (!facts.via_flow && flows_only) {
    decision.fail(policy_to_blame(policies), "flow-only",
                  "only promotions through " + circle + " move " + facts.key.str(),
                  way_by_flow(configuration, granted));
    return;
  }
  const std::string who = facts.via_flow ? "flow:" + facts.via_flow->str() : facts.pusher.str();
  decision.fail(policy_to_blame(policies), "update",
                who + " may not update " + facts.key.str() + ": update.by names " + circle,
                granted.empty()
                    ? "have update.by of a policy for this ref name who may, in system"
                    : "ask one of them to push it, or have " + who + " added in system");
}

void judge_grant(const Configuration& configuration, const Policies& policies,
                 const UpdateFacts& facts, Decision& decision) {
  const auto granting = std::ranges::find_if(
      policies, [&](const Policy* policy) { return grants(configuration, *policy, facts); });
  if (granting == policies.end()) return refuse_grant(configuration, policies, facts, decision);
  const std::string who = facts.via_flow ? "flow:" + facts.via_flow->str() : facts.pusher.str();
  decision.pass((*granting)->name.str(), "update", who + " may update " + facts.key.str());
}

void judge_permission(const Configuration& configuration, const Policies& policies,
                      const UpdateFacts& facts, Decision& decision) {
  if (policies.empty()) {
    decision.fail("store", "ungoverned", "no policy matches " + facts.key.str(),
                  "push to a governed ref, or add a policy for this one in system");
    return;
  }
  judge_grant(configuration, policies, facts, decision);
}

/// A move that needs one `allow` and no `deny`.
struct Exceptional {
  std::string rule;   ///< "force-push"
  std::string what;   ///< "a force push to platform:refs/heads/audit"
  std::string field;  ///< "forcePush"
  std::string fix;    ///< what else to do
  Permission Policy::* permission;
};

void judge_exceptional(const Policies& policies, const Exceptional& move, Decision& decision) {
  bool allowed = false;
  for (const Policy* policy : policies) {
    const Permission permission = policy->*(move.permission);
    if (permission == Permission::kAllow) {
      allowed = true;
      decision.pass(policy->name.str(), move.rule, move.what + " is allowed", policy->enforcement);
    } else if (permission == Permission::kDeny) {
      decision.fail(policy->name.str(), move.rule, move.what + " is denied", move.fix,
                    policy->enforcement);
    }
  }
  const bool denied = std::ranges::any_of(policies, [&](const Policy* policy) {
    return policy->*(move.permission) == Permission::kDeny &&
           policy->enforcement == Enforcement::kEnforce;
  });
  if (allowed || denied) return;
  decision.fail(policies.front()->name.str(), move.rule,
                move.what + " is denied unless a policy says update." + move.field + ": allow",
                move.fix);
}

void judge_exceptional_moves(const Policies& policies, const UpdateFacts& facts,
                             Decision& decision) {
  if (facts.kind == UpdateKind::kDelete) {
    judge_exceptional(policies,
                      {"delete", "deleting " + facts.key.str(), "delete",
                       "leave the ref where it is", &Policy::deletion},
                      decision);
  }
  if (facts.kind == UpdateKind::kUpdate && !facts.fast_forward) {
    judge_exceptional(
        policies,
        {"force-push", "a force push to " + facts.key.str(), "forcePush",
         "put your commits on top of the ref: git pull --rebase, then push", &Policy::force_push},
        decision);
  }
}

/// An import must bring exactly what was approved in `system`.
void judge_import(const Configuration& configuration, const UpdateFacts& facts,
                  Decision& decision) {
  if (!facts.is_import) return;
  const bool at_tip = facts.new_oid && configuration.baseline(facts.key, *facts.new_oid) != nullptr;
  const bool below_tip = std::ranges::any_of(facts.new_commits, [&](const CommitFacts& commit) {
    return commit.is_baseline && configuration.baseline(facts.key, commit.oid) != nullptr;
  });
  if (at_tip || below_tip) {
    decision.pass("store", "baseline", "rests on a declared baseline of " + facts.key.str());
    return;
  }
  decision.fail("store", "baseline", "no baseline of " + facts.key.str() + " is this commit",
                "declare it: statehouse repository import " + facts.key.repository.str() +
                    " --from … --ref … --to " + facts.key.ref.str() + ", and promote system");
}

/// Commits that too few could ever approve.
struct Stuck {
  CommitClass commits;
  std::set<ResourceName> eligible;
};

std::optional<Stuck> without_approvers(const Configuration& configuration,
                                       const ApprovalClause& clause,
                                       const std::vector<CommitClass>& classes, Timestamp now) {
  const std::set<ResourceName> able = able_approvers(configuration, clause.from, now);
  for (const CommitClass& one : classes) {
    std::set<ResourceName> eligible = able;
    std::erase_if(eligible, [&](const ResourceName& identity) {
      return !is_independent(configuration, identity, one.hands);
    });
    eligible = distinct_people(configuration, eligible);
    if (eligible.size() < clause.count) return Stuck{one, std::move(eligible)};
  }
  return std::nullopt;
}

void judge_eligible_approvers(const Configuration& configuration, const Flow& flow,
                              const UpdateFacts& facts, Decision& decision) {
  const std::string policy = "flow:" + flow.name.str();
  const std::vector<CommitClass> each = classes_of(configuration, facts.new_commits, facts.pusher);
  const std::vector<CommitClass> together{merged_class(each)};
  for (const ApprovalClause& clause : flow.approvals) {
    if (clause.count == 0) continue;
    const auto stuck = without_approvers(
        configuration, clause, clause.independence == Independence::kPromotion ? together : each,
        facts.now);
    const std::string circle =
        words::list(clause.from, [](const Principal& principal) { return principal.str(); });
    const std::string needed = words::count(clause.count, "approval") + " from " + circle;
    if (!stuck) {
      decision.pass(policy, "eligible-approver", "can still get " + needed);
      continue;
    }
    const std::set<ResourceName>& hands = stuck->commits.hands;
    decision.fail(
        policy, "eligible-approver",
        words::commit(stuck->commits.example) + " could never be promoted: it needs " + needed +
            ", where " +
            (stuck->eligible.empty() ? "nobody" : "only " + words::identities(stuck->eligible)) +
            " has a key for approvals and no hand in it" +
            (hands.empty() ? "" : " (" + words::identities(hands) + " had)"),
        "let fewer people author, co-author and push it, or add approvers to " + circle +
            " in system");
  }
}

}  // namespace

bool judge_move(const Configuration& configuration, const UpdateFacts& facts, Decision& decision) {
  const Policies policies = configuration.policies_for(facts.key);
  judge_permission(configuration, policies, facts, decision);
  if (policies.empty()) return false;
  judge_exceptional_moves(policies, facts, decision);
  judge_import(configuration, facts, decision);
  if (facts.kind == UpdateKind::kDelete) return true;
  for (const Policy* policy : policies) {
    if (policy->commits) judge_commits(configuration, *policy, facts.new_commits, decision);
  }
  return true;
}

Decision evaluate_push_permission(const Configuration& configuration, const RefKey& key,
                                  const ResourceName& pusher) {
  Decision decision;
  const UpdateFacts facts{.key = key, .pusher = pusher};
  judge_permission(configuration, configuration.policies_for(key), facts, decision);
  decision.settle();
  return decision;
}

Decision evaluate_update(const Configuration& configuration, const UpdateFacts& facts) {
  Decision decision;
  const bool governed = judge_move(configuration, facts, decision);
  if (governed && !facts.via_flow && facts.kind != UpdateKind::kDelete &&
      !facts.new_commits.empty()) {
    for (const Flow* flow : configuration.flows_from(facts.key)) {
      judge_eligible_approvers(configuration, *flow, facts, decision);
    }
  }
  decision.settle();
  return decision;
}

}  // namespace statehouse
