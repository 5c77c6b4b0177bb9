#include <map>
#include <string>
#include <vector>

#include "crypto/base/json.h"
#include "crypto/sha256.h"
#include "policy/evaluate.h"

namespace statehouse {

namespace {

/// name -> members of every group met.
using Groups = std::map<std::string, Json>;

void collect(const Configuration& configuration, const Principals& principals, Groups& groups) {
  for (const Principal& principal : principals) {
    if (principal.kind != Principal::Kind::kGroup) continue;
    Json members = Json::array();
    for (const ResourceName& member : configuration.members(principal.name)) {
      members.push_back(member.str());
    }
    groups.insert_or_assign(principal.name, std::move(members));
  }
}

void collect(const Configuration& configuration, const Policy& policy, Groups& groups) {
  collect(configuration, policy.read, groups);
  collect(configuration, policy.update_by, groups);
  if (policy.commits) collect(configuration, policy.commits->signers, groups);
}

void collect(const Configuration& configuration, const std::vector<ApprovalClause>& clauses,
             Groups& groups) {
  for (const ApprovalClause& clause : clauses) collect(configuration, clause.from, groups);
}

void collect(const Configuration& configuration, const Flow& flow, Groups& groups) {
  if (flow.promote) collect(configuration, *flow.promote, groups);
  if (flow.merge_by) collect(configuration, *flow.merge_by, groups);
  collect(configuration, flow.approvals, groups);
  if (flow.rollback && flow.rollback->approvals) {
    collect(configuration, *flow.rollback->approvals, groups);
  }
  if (flow.break_glass) collect(configuration, flow.break_glass->approvals, groups);
}

}  // namespace

std::string policy_digest(const Configuration& configuration, const RefKey& key,
                          const std::optional<ResourceName>& flow) {
  Groups groups;
  Json policies = Json::array();
  for (const Policy* policy : configuration.policies_for(key)) {
    policies.push_back(policy_to_json(*policy));
    collect(configuration, *policy, groups);
  }
  Json flow_json = nullptr;
  if (const Flow* const found = flow ? configuration.flow(*flow) : nullptr) {
    flow_json = flow_to_json(*found);
    collect(configuration, *found, groups);
  }
  const Json canonical = {{"flow", flow_json}, {"groups", Json(groups)}, {"policies", policies}};
  return sha256_digest_text(dump_json(canonical));
}

}  // namespace statehouse
