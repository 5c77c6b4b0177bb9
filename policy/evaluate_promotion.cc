#include <algorithm>

#include "policy/approvals.h"
#include "policy/evaluate.h"
#include "policy/update_rules.h"
#include "policy/words.h"

namespace statehouse {

namespace {

/// The flow, when it connects the two refs of `facts`; else records why not.
const Flow* judge_route(const Configuration& configuration, const PromotionFacts& facts,
                        Decision& decision) {
  const Flow* const flow = configuration.flow(facts.flow);
  const std::string policy = "flow:" + facts.flow.str();
  if (flow == nullptr) {
    decision.fail(policy, "flow", "there is no flow " + facts.flow.str() + " any more",
                  "close the promotion and open one through another flow");
    return nullptr;
  }
  const bool starts = facts.rollback ? facts.source == flow->to || flow->starts_from(facts.source)
                                     : flow->starts_from(facts.source);
  if (starts && flow->to == facts.target) return flow;
  decision.fail(policy, "flow",
                "flow " + facts.flow.str() + " does not lead from " + facts.source.str() + " to " +
                    facts.target.str(),
                "close the promotion and open one through a flow that does");
  return nullptr;
}

UpdateFacts move_of_target(const PromotionFacts& facts) {
  UpdateFacts move{.key = facts.target,
                   .kind = facts.base ? UpdateKind::kUpdate : UpdateKind::kCreate,
                   .old_oid = facts.base,
                   .new_oid = facts.source_commit,
                   .fast_forward = true,
                   .new_commits = {},
                   .pusher = facts.merger.value_or(facts.opener),
                   .via_flow = facts.flow,
                   .is_import = false,
                   .now = facts.now};
  if (!facts.rollback) move.new_commits = facts.commits;
  return move;
}

void judge_direction(const Flow& flow, const PromotionFacts& facts, Decision& decision) {
  const std::string policy = "flow:" + flow.name.str();
  if (facts.rollback) {
    const auto& rules = flow.rollback;
    if (!rules || !rules->max_age) return;
    if (facts.now <= facts.rollback->accepted + *rules->max_age) {
      decision.pass(policy, "max-age", "the version is recent enough to go back to");
      return;
    }
    decision.fail(policy, "max-age",
                  "version " + std::to_string(facts.rollback->to_version) + " was accepted at " +
                      facts.rollback->accepted.rfc3339() + ", more than " +
                      format_duration(*rules->max_age) + " ago",
                  "go back to a newer version, or promote a commit that restores the old state");
    return;
  }
  if (facts.superseded_by) {
    decision.fail(policy, "superseded", "superseded by " + escape_for_message(*facts.superseded_by),
                  "close it; to go back, promote a new commit that has the earlier content");
  }
  if (flow.strategy == Strategy::kFastForward && !facts.fast_forward) {
    decision.fail(policy, "not-fast-forward",
                  "the source does not contain " + facts.target.str() + " as it stands",
                  "merge the target into the source, push, then: statehouse promotion update " +
                      std::to_string(facts.number));
  }
}

void judge_automatic(const Flow& flow, const PromotionFacts& facts, Decision& decision) {
  if (facts.merge_is_automatic && !flow.merge_auto) {
    decision.fail("flow:" + flow.name.str(), "merge", "the flow does not merge by itself",
                  "merge it by hand: statehouse promotion merge " + std::to_string(facts.number));
  }
  if (!facts.automatic_hold || !facts.merge_is_automatic) return;
  decision.fail("flow:" + flow.name.str(), "held",
                "automatic merges wait: " + escape_for_message(*facts.automatic_hold),
                "merge it by hand: statehouse promotion merge");
}

bool is_blocked_by(const Decision& decision, std::string_view rule) {
  return std::ranges::any_of(decision.rules, [&](const RuleResult& result) {
    return result.denies() && result.rule == rule;
  });
}

}  // namespace

Decision evaluate_promotion(const Configuration& configuration, const PromotionFacts& facts) {
  Decision decision;
  const Flow* const flow = judge_route(configuration, facts, decision);
  if (flow != nullptr && judge_move(configuration, move_of_target(facts), decision)) {
    judge_direction(*flow, facts, decision);
    Approvals(configuration, *flow, facts).judge(decision);
    judge_automatic(*flow, facts, decision);
    if (facts.merger) {
      decision.add(
          evaluate_merge_permission(configuration, facts.flow, facts.source, *facts.merger));
    }
  }
  decision.settle();
  return decision;
}

std::string_view promotion_phase_name(PromotionPhase phase) {
  switch (phase) {
    case PromotionPhase::kBlocked:
      return "blocked";
    case PromotionPhase::kReady:
      return "ready";
    case PromotionPhase::kHeld:
      return "held";
    case PromotionPhase::kSuperseded:
      return "superseded";
  }
  return "";
}

PromotionPhase promotion_phase(const Decision& decision) {
  if (decision.allow) return PromotionPhase::kReady;
  if (is_blocked_by(decision, "superseded")) return PromotionPhase::kSuperseded;
  const bool only_held = is_blocked_by(decision, "held") && decision.blocked_by().size() == 1;
  return only_held ? PromotionPhase::kHeld : PromotionPhase::kBlocked;
}

std::vector<ClauseProgress> approval_progress(const Configuration& configuration,
                                              const PromotionFacts& facts) {
  std::vector<ClauseProgress> progress;
  const Flow* const flow = configuration.flow(facts.flow);
  if (flow == nullptr) return progress;
  const Approvals approvals(configuration, *flow, facts);
  for (const ApprovalClause& clause : approvals.clauses()) {
    progress.push_back(approvals.progress(clause));
  }
  return progress;
}

}  // namespace statehouse
