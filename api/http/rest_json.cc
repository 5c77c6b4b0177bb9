#include "api/http/rest_json.h"

#include <algorithm>
#include <set>

#include "api/http/handler_support.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

std::string_view strategy_name(const Flow* flow) {
  if (flow == nullptr) return "none";
  return flow->strategy == Strategy::kSeal ? "seal" : "fast-forward";
}

Json mode_json(const Oid& oid, FileMode mode) {
  return oid.is_zero() ? Json(nullptr) : Json(file_mode_text(mode));
}

Json present_oid_json(const Oid& oid) { return oid.is_zero() ? Json(nullptr) : Json(oid.hex()); }

Json name_json(const std::optional<ResourceName>& name) {
  return name ? Json(name->str()) : Json(nullptr);
}

Json commit_json(const PromotedCommit& commit) {
  const CommitFacts& facts = commit.facts;
  return {{"commit", facts.oid.hex()},
          {"subject", commit.subject},
          {"author", commit.author_name + " <" + facts.author_email + ">"},
          {"committer", facts.committer_email},
          {"signer", name_json(facts.signature.identity)},
          {"signature", facts.is_seal ? "seal" : signature_state_name(facts.signature.state)},
          {"fingerprint",
           facts.signature.fingerprint.empty() ? Json(nullptr) : Json(facts.signature.fingerprint)},
          {"pusher", name_json(facts.pusher)},
          {"baseline", facts.is_baseline}};
}

Json time_json(const std::optional<Timestamp>& time) {
  return time ? Json(time->rfc3339()) : Json(nullptr);
}

struct Standing {
  bool counts = false;
  std::string reason;
};

/// Whether an approval is worth anything now, in words.
Standing standing_of(const PromotionSituation& situation, const ApprovalFacts& approval,
                     const std::vector<ClauseProgress>& progress) {
  const bool rejects = rejecting_identities(situation.facts).contains(approval.identity);
  if (approval.verdict == ApprovalVerdict::kReject) {
    if (approval.is_for_pinned_commit && rejects) return {true, ""};
    return {false, approval.is_for_pinned_commit ? "the same person approved since"
                                                 : approval.stale_reason};
  }
  if (!approval.matches_current_revision) return {false, approval.stale_reason};
  if (rejects) return {false, "the same person rejected since"};
  if (approval.expires && *approval.expires <= situation.facts.now)
    return {false, "it has expired"};
  const bool counts = std::ranges::any_of(progress, [&](const ClauseProgress& clause) {
    return std::ranges::find(clause.helping, approval.identity) != clause.helping.end();
  });
  if (counts) return {true, ""};
  return {false,
          "the approver is not independent of every commit, not among the approvers, or the key is "
          "out of service"};
}

/// When an approval stops counting: by its own word, and by every clause that asks its signer.
Json valid_until_json(const PromotionSituation& situation, const ApprovalFacts& approval) {
  std::optional<Timestamp> until = approval.expires;
  if (approval.verdict == ApprovalVerdict::kApprove && situation.flow != nullptr) {
    std::optional<Timestamp> latest;
    for (const ApprovalClause& clause : situation.flow->approvals) {
      if (!situation.active->configuration.names(clause.from, approval.identity)) continue;
      if (!clause.valid_for) return time_json(until);
      const Timestamp end = approval.received + *clause.valid_for;
      if (!latest || *latest < end) latest = end;
    }
    if (latest && (!until || *latest < *until)) until = latest;
  }
  return time_json(until);
}

Json approvals_json(const PromotionSituation& situation,
                    const std::vector<ClauseProgress>& progress, TargetView view) {
  Json list = Json::array();
  for (const ApprovalFacts& approval : situation.facts.approvals) {
    const Standing standing = standing_of(situation, approval, progress);
    list.push_back(
        {{"identity", approval.identity.str()},
         {"verdict", approval.verdict == ApprovalVerdict::kApprove ? "approve" : "reject"},
         {"fingerprint", approval.fingerprint},
         {"received", approval.received.rfc3339()},
         {"expires", time_json(approval.expires)},
         {"validUntil", valid_until_json(situation, approval)},
         {"drops", view == TargetView::kShown ? Json(approval.drops) : Json(nullptr)},
         {"counts", standing.counts},
         {"reason", standing.reason}});
  }
  return list;
}

Json required_json(const PromotionSituation& situation,
                   const std::vector<ClauseProgress>& progress) {
  Json list = Json::array();
  for (std::size_t i = 0; i < progress.size(); ++i) {
    Json from = Json::array();
    if (situation.flow != nullptr && i < situation.flow->approvals.size()) {
      for (const Principal& principal : situation.flow->approvals[i].from) {
        from.push_back(principal.str());
      }
    }
    Json eligible = Json::array();
    for (const ResourceName& name : progress[i].eligible) eligible.push_back(name.str());
    list.push_back({{"count", progress[i].needed},
                    {"from", std::move(from)},
                    {"have", progress[i].counted.size()},
                    {"met", progress[i].met},
                    {"eligible", std::move(eligible)}});
  }
  return list;
}

/// An ended promotion is in no phase.
Json phase_json(const PromotionSituation& situation, const Decision& decision) {
  if (situation.record.state != PromotionState::kOpen) return nullptr;
  return promotion_phase_name(promotion_phase(decision));
}

std::string next_command(const PromotionSituation& situation, const Decision& decision) {
  if (situation.record.state != PromotionState::kOpen) return "";
  const std::string number = std::to_string(situation.record.number);
  switch (promotion_phase(decision)) {
    case PromotionPhase::kReady:
    case PromotionPhase::kHeld:
      return "statehouse promotion merge " + number;
    case PromotionPhase::kSuperseded:
      return "statehouse promotion close " + number;
    case PromotionPhase::kBlocked:
      return "statehouse promotion approve " + number;
  }
  STATEHOUSE_ASSERT(false);
}

/// An ended promotion is shown as it ended; nothing blocks it any more.
Decision decision_of(const PromotionSituation& situation, TargetView view) {
  if (situation.record.state != PromotionState::kOpen) return {};
  Decision decision = evaluate_promotion(situation.active->configuration, situation.facts);
  hide_target(decision, view);
  return decision;
}

/// Of a merged one the decision that merged it, without its rules where they would tell of a hidden
/// target; a closed one cannot be merged any more.
Json decision_json(const PromotionSituation& situation, const Decision& decision, TargetView view) {
  if (situation.record.state != PromotionState::kMerged) return to_json(decision);
  if (situation.merged_by && view == TargetView::kShown) {
    auto logged = parse_json(*situation.merged_by);
    if (logged && logged->is_object()) return *std::move(logged);
  }
  return to_json(Decision{.allow = true});
}

Json target_json(const PromotionSituation& situation, TargetView view) {
  const bool shown = view == TargetView::kShown;
  return {{"repository", situation.record.target.repository.str()},
          {"ref", situation.record.target.ref.str()},
          {"base", shown ? oid_json(situation.facts.base) : Json(nullptr)},
          {"baseVersion", shown ? Json(situation.facts.base_version) : Json(nullptr)}};
}

Json own_changes_json(const PromotionSituation& situation, TargetView view) {
  return view == TargetView::kShown ? Json(situation.facts.target_own_changes) : Json(nullptr);
}

/// Versions of the target that some approval gives up. Of one that has ended, an approval's match
/// with what the target was then is not known any more; its revision is.
Json drops_json(const PromotionSituation& situation, TargetView view) {
  if (view != TargetView::kShown) return nullptr;
  const bool is_open = situation.record.state == PromotionState::kOpen;
  std::set<VersionNumber> drops;
  for (const ApprovalFacts& approval : situation.facts.approvals) {
    if (approval.verdict != ApprovalVerdict::kApprove || !approval.is_for_pinned_commit) continue;
    if (is_open && !approval.matches_current_revision) continue;
    drops.insert(approval.drops.begin(), approval.drops.end());
  }
  return drops;
}

/// What the row alone tells.
Json row_json(const PromotionRecord& record) {
  return {{"number", record.number},
          {"state", name_of(record.state)},
          {"flow", record.flow},
          {"kind", name_of(record.kind)},
          {"title", record.title},
          {"message", record.message},
          {"opener", record.opener},
          {"opened", record.opened.rfc3339()},
          {"revision", record.revision},
          {"source",
           {{"repository", record.source.repository.str()},
            {"ref", record.source.ref.str()},
            {"commit", record.source_commit.hex()},
            {"commitSha256", record.source_commit_digest}}},
          {"tree", {{"sha1", record.tree.hex()}, {"sha256", record.tree_digest}}}};
}

Json summary(const PromotionSituation& situation, const Decision& decision, TargetView view) {
  const std::vector<ClauseProgress> progress =
      approval_progress(situation.active->configuration, situation.facts);
  Json json = row_json(situation.record);
  json.update({{"phase", phase_json(situation, decision)},
               {"blockedBy", decision.blocked_by()},
               {"decision", decision_json(situation, decision, view)},
               {"strategy", strategy_name(situation.flow)},
               {"target", target_json(situation, view)},
               {"policyDigest", situation.statement.policy_digest},
               {"drops", drops_json(situation, view)},
               {"targetOwnChanges", own_changes_json(situation, view)},
               {"approvals", approvals_json(situation, progress, view)},
               {"required", required_json(situation, progress)},
               {"next", next_command(situation, decision)},
               {"error", nullptr}});
  return json;
}

}  // namespace

Json version_json(const VersionRecord& version, const std::optional<std::string>& statement) {
  Json json = {{"repository", version.key.repository.str()},
               {"ref", version.key.ref.str()},
               {"version", version.version},
               {"kind", name_of(version.kind)},
               {"commit", nullptr},
               {"commitSha256", nullptr},
               {"tree", nullptr},
               {"treeSha256", nullptr},
               {"time", version.time.rfc3339()},
               {"actor", text_json(version.actor.identity)},
               {"promotion", version.promotion ? Json(*version.promotion) : Json(nullptr)},
               {"approvedBy", version.approved_by},
               {"previous", nullptr},
               {"policyDigest", version.policy_digest},
               {"forced", version.forced},
               {"commits",
                {{"new", version.commits.fresh},
                 {"verified", version.commits.verified},
                 {"unverified", version.commits.unverified},
                 {"baseline", version.commits.baseline}}},
               {"configuration", version.configuration},
               {"level", version.commits.unverified == 0 ? "verified" : "baseline"},
               {"logIndex", version.entry},
               {"statement", text_json(statement)}};
  if (version.content) {
    json["commit"] = version.content->commit.hex();
    json["commitSha256"] = version.content->commit_digest;
    json["tree"] = version.content->tree.hex();
    json["treeSha256"] = version.content->tree_digest;
  }
  if (version.previous) {
    json["previous"] = {{"version", version.previous->version},
                        {"commit", oid_json(version.previous->commit)}};
  }
  return json;
}

Result<Json> changes_json(const std::vector<TreeChange>& changes) {
  if (changes.size() > limits::kChangesShownMax) {
    return invalid_argument("listing changes: there are " + std::to_string(changes.size()) +
                                ", more than " + std::to_string(limits::kChangesShownMax),
                            "fetch both commits and compare them with git diff --stat");
  }
  Json list = Json::array();
  for (const TreeChange& change : changes) {
    list.push_back({{"path", change.path},
                    {"change", change_kind_name(change.kind)},
                    {"oldMode", mode_json(change.old_oid, change.old_mode)},
                    {"newMode", mode_json(change.new_oid, change.new_mode)},
                    {"oldOid", present_oid_json(change.old_oid)},
                    {"newOid", present_oid_json(change.new_oid)}});
  }
  return list;
}

void hide_target(Decision& decision, TargetView view) {
  if (view == TargetView::kShown) return;
  for (RuleResult& rule : decision.rules) {
    if (rule.rule == "superseded") {
      rule.reason = "the target holds it already";
    } else if (rule.rule == "target-has-own-changes") {
      rule.reason = rule.pass ? "every approval that counts drops the changes of the target"
                              : "the target has changes that the source lacks";
    }
  }
}

Json promotion_summary_json(const PromotionSituation& situation, TargetView view) {
  return summary(situation, decision_of(situation, view), view);
}

Json unreadable_promotion_json(const PromotionRecord& record, const std::string& error) {
  Json json = row_json(record);
  json.update({{"phase", nullptr},
               {"blockedBy", Json::array()},
               {"decision", nullptr},
               {"strategy", strategy_name(nullptr)},
               {"target",
                {{"repository", record.target.repository.str()},
                 {"ref", record.target.ref.str()},
                 {"base", nullptr},
                 {"baseVersion", nullptr}}},
               {"policyDigest", nullptr},
               {"drops", nullptr},
               {"targetOwnChanges", nullptr},
               {"approvals", Json::array()},
               {"required", Json::array()},
               {"next", ""},
               {"error", error}});
  return json;
}

Json promotion_json(const PromotionSituation& situation, const std::vector<CommentRecord>& comments,
                    const std::optional<VersionRecord>& merged, TargetView view) {
  Json json = summary(situation, decision_of(situation, view), view);
  json["commits"] = Json::array();
  for (const PromotedCommit& commit : situation.commits) {
    json["commits"].push_back(commit_json(commit));
  }
  json["comments"] = Json::array();
  for (const CommentRecord& comment : comments) {
    json["comments"].push_back({{"identity", comment.identity},
                                {"time", comment.time.rfc3339()},
                                {"message", comment.text},
                                {"path", text_json(comment.path)},
                                {"line", comment.line ? Json(*comment.line) : Json(nullptr)}});
  }
  json["merged"] = nullptr;
  if (merged) {
    const bool shown = view == TargetView::kShown;
    json["merged"] = {{"version", shown ? Json(merged->version) : Json(nullptr)},
                      {"commit", shown ? Json(merged->content->commit.hex()) : Json(nullptr)},
                      {"time", merged->time.rfc3339()},
                      {"entry", merged->entry},
                      {"mergedBy", text_json(situation.record.ended_by)}};
  }
  return json;
}

Json token_json(const TokenRecord& token) {
  return {{"id", token.id},
          {"identity", token.identity},
          {"scope", name_of(token.scope)},
          {"repository", token.repositories.empty() ? Json(nullptr) : Json(token.repositories)},
          {"created", token.created.rfc3339()},
          {"expires", token.expires.rfc3339()},
          {"revoked", token.revoked ? Json(token.revoked->rfc3339()) : Json(nullptr)}};
}

Result<Json> envelope_json(const std::string& envelope) { return parse_json(envelope, 4U << 20); }

bool is_waiting_for(const PromotionSituation& situation, const ResourceName& identity) {
  if (situation.record.state != PromotionState::kOpen || situation.flow == nullptr) return false;
  const Configuration& configuration = situation.active->configuration;
  const Decision decision = evaluate_promotion(configuration, situation.facts);
  if (decision.allow) {
    return evaluate_merge_permission(configuration, situation.flow->name, situation.record.source,
                                     identity)
        .allow;
  }
  const std::vector<ClauseProgress> progress = approval_progress(configuration, situation.facts);
  return std::ranges::any_of(progress, [&](const ClauseProgress& clause) {
    return !clause.met && std::ranges::find(clause.eligible, identity) != clause.eligible.end();
  });
}

}  // namespace statehouse
