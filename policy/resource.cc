#include "policy/resource.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace statehouse {

namespace {

using nlohmann::json;

json principals_to_json(const Principals& principals) {
  json list = json::array();
  for (const Principal& principal : principals) list.push_back(principal.str());
  return list;
}

json globs_to_json(const std::vector<Glob>& globs) {
  json list = json::array();
  for (const Glob& glob : globs) list.push_back(glob.str());
  return list;
}

json duration_to_json(const std::optional<Milliseconds>& duration) {
  return duration ? json(format_duration(*duration)) : json(nullptr);
}

json clauses_to_json(const std::vector<ApprovalClause>& clauses) {
  json list = json::array();
  for (const ApprovalClause& clause : clauses) {
    list.push_back(
        {{"count", clause.count},
         {"from", principals_to_json(clause.from)},
         {"validFor", duration_to_json(clause.valid_for)},
         {"independence", clause.independence == Independence::kCommit ? "commit" : "promotion"}});
  }
  return list;
}

json permission_to_json(Permission permission) {
  switch (permission) {
    case Permission::kUnset:
      return nullptr;
    case Permission::kDeny:
      return "deny";
    case Permission::kAllow:
      return "allow";
  }
  return nullptr;
}

json commits_to_json(const std::optional<CommitRules>& rules) {
  if (!rules) return nullptr;
  return {{"signatures", rules->signatures == Signatures::kRequired ? "required" : "optional"},
          {"signers", principals_to_json(rules->signers)},
          {"committerIsSigner", rules->committer_is_signer}};
}

json rollback_to_json(const std::optional<RollbackRules>& rules) {
  if (!rules) return nullptr;
  return {{"approvals", rules->approvals ? clauses_to_json(*rules->approvals) : json(nullptr)},
          {"maxAge", duration_to_json(rules->max_age)},
          {"reviewWithin", duration_to_json(rules->review_within)}};
}

json break_glass_to_json(const std::optional<BreakGlassRules>& rules) {
  if (!rules) return nullptr;
  return {{"approvals", clauses_to_json(rules->approvals)},
          {"validFor", duration_to_json(rules->valid_for)},
          {"waives", rules->waives}};
}

}  // namespace

std::string Principal::str() const {
  switch (kind) {
    case Kind::kIdentity:
      return name;
    case Kind::kGroup:
      return "group:" + name;
    case Kind::kFlow:
      return "flow:" + name;
    case Kind::kAnyone:
      return "anyone";
  }
  return name;
}

std::string_view key_usage_name(KeyUsage usage) {
  switch (usage) {
    case KeyUsage::kCommits:
      return "commits";
    case KeyUsage::kApprovals:
      return "approvals";
    case KeyUsage::kChecks:
      return "checks";
    case KeyUsage::kLogin:
      return "login";
  }
  return "";
}

std::string_view revocation_reason_name(RevocationReason reason) {
  switch (reason) {
    case RevocationReason::kRetired:
      return "retired";
    case RevocationReason::kLost:
      return "lost";
    case RevocationReason::kCompromised:
      return "compromised";
  }
  return "";
}

std::string_view enforcement_name(Enforcement enforcement) {
  return enforcement == Enforcement::kEnforce ? "enforce" : "evaluate";
}

bool Policy::matches(const RefKey& key) const {
  return std::ranges::any_of(repositories,
                             [&](const Glob& glob) { return glob.matches(key.repository); }) &&
         std::ranges::any_of(refs, [&](const Glob& glob) { return glob.matches(key.ref); });
}

json policy_to_json(const Policy& policy) {
  return {{"name", policy.name.str()},
          {"match",
           {{"repositories", globs_to_json(policy.repositories)},
            {"refs", globs_to_json(policy.refs)}}},
          {"enforcement", enforcement_name(policy.enforcement)},
          {"read", principals_to_json(policy.read)},
          {"update",
           {{"by", principals_to_json(policy.update_by)},
            {"forcePush", permission_to_json(policy.force_push)},
            {"delete", permission_to_json(policy.deletion)}}},
          {"commits", commits_to_json(policy.commits)}};
}

json flow_to_json(const Flow& flow) {
  return {{"name", flow.name.str()},
          {"from", {{"repository", flow.from_repository.str()}, {"ref", flow.from_ref.str()}}},
          {"to", {{"repository", flow.to.repository.str()}, {"ref", flow.to.ref.str()}}},
          {"strategy", flow.strategy == Strategy::kSeal ? "seal" : "fast-forward"},
          {"sealFormat", flow.seal_format == SealFormat::kOpenPgp ? "openpgp" : "ssh"},
          {"promote", flow.promote ? principals_to_json(*flow.promote) : json(nullptr)},
          {"merge",
           {{"by", flow.merge_by ? principals_to_json(*flow.merge_by) : json(nullptr)},
            {"auto", flow.merge_auto}}},
          {"approvals", clauses_to_json(flow.approvals)},
          {"rollback", rollback_to_json(flow.rollback)},
          {"breakGlass", break_glass_to_json(flow.break_glass)}};
}

}  // namespace statehouse
