#include "policy/configuration_checks.h"

#include <algorithm>
#include <map>
#include <set>

#include "policy/resource_reader.h"

namespace statehouse {

namespace {

/// Every `*` of a pattern replaced, so that it can be asked about like a name.
std::string sample_of(const Glob& glob) {
  std::string sample;
  for (const char c : glob.str()) {
    if (c != '*') {
      sample += c;
    } else if (!sample.ends_with('x')) {
      sample += 'x';
    }
  }
  return sample;
}

bool names_system(const Policy& policy) {
  return std::ranges::any_of(policy.repositories,
                             [](const Glob& glob) { return glob.str() == "system"; });
}

/// Whether some ref is under both, as far as samples of their patterns tell.
bool overlap(const Policy& one, const Policy& other) {
  const auto covers = [](const Policy& policy, const Policy& sampled) {
    for (const Glob& repository_glob : sampled.repositories) {
      const auto repository = RepositoryName::parse(sample_of(repository_glob));
      for (const Glob& ref_glob : sampled.refs) {
        const auto ref = RefName::parse(sample_of(ref_glob));
        if (repository && ref && policy.matches(RefKey{*repository, *ref})) return true;
      }
    }
    return false;
  };
  return covers(one, other) || covers(other, one);
}

template <typename Resources>
std::string did_you_mean(std::string_view name, const Resources& resources) {
  std::vector<std::string_view> known;
  for (const auto& resource : resources) known.push_back(resource.name.str());
  const std::string_view best = nearest(name, known);
  return best.empty() ? std::string() : "did you mean `" + std::string(best) + "`?";
}

}  // namespace

void ConfigurationChecks::run() {
  for (const Identity& identity : configuration_.identities()) check_owners(identity);
  check_groups();
  for (const Policy& policy : configuration_.policies()) {
    check_policy(policy);
    if (names_system(policy)) check_system_policy(policy);
  }
  for (const Flow& flow : configuration_.flows()) {
    check_flow(flow);
    check_flow_ends(flow);
    check_flow_grant(flow);
    warn_about_flow(flow);
  }
  warn_about_addresses();
  warn_about_store();
}

void ConfigurationChecks::check_groups() {
  for (const Group& group : configuration_.groups()) {
    for (const NamedAt& member : group.members) {
      if (configuration_.identity(member.name) != nullptr) continue;
      error(group.source, member.at,
            "group " + group.name.str() + " has member " + member.name.str() +
                ", and there is no such identity",
            did_you_mean(member.name.str(), configuration_.identities()));
    }
  }
}

void ConfigurationChecks::check_owners(const Identity& identity) {
  for (const NamedAt& owner : identity.owners) {
    const Identity* const found = configuration_.identity(owner.name);
    if (found == nullptr) {
      error(identity.source, owner.at,
            "robot " + identity.name.str() + " is owned by " + owner.name.str() +
                ", and there is no such identity",
            did_you_mean(owner.name.str(), configuration_.identities()));
    } else if (found->type != IdentityType::kPerson) {
      error(identity.source, owner.at,
            "robot " + identity.name.str() + " is owned by robot " + owner.name.str(),
            "name the persons who answer for it");
    }
  }
}

void ConfigurationChecks::check_principals(const Source& source, const Principals& principals,
                                           const std::string& what) {
  for (const Principal& principal : principals) {
    const auto name = ResourceName::parse(principal.name);
    std::string fix;
    switch (principal.kind) {
      case Principal::Kind::kAnyone:
        continue;
      case Principal::Kind::kIdentity:
        if (configuration_.identity(*name) != nullptr) continue;
        fix = did_you_mean(principal.name, configuration_.identities());
        if (std::ranges::find(configuration_.groups(), *name, &Group::name) !=
            configuration_.groups().end()) {
          fix = "for the group, write group:" + principal.name;
        }
        break;
      case Principal::Kind::kGroup:
        if (std::ranges::find(configuration_.groups(), *name, &Group::name) !=
            configuration_.groups().end()) {
          continue;
        }
        fix = did_you_mean(principal.name, configuration_.groups());
        break;
      case Principal::Kind::kFlow:
        if (configuration_.flow(*name) != nullptr) continue;
        fix = did_you_mean(principal.name, configuration_.flows());
        break;
    }
    error(source, principal.at,
          what + " names " + principal.str() + ", and there is no such " +
              (principal.kind == Principal::Kind::kIdentity ? "identity"
               : principal.kind == Principal::Kind::kGroup  ? "group"
                                                            : "flow"),
          std::move(fix));
  }
}

void ConfigurationChecks::check_repository_known(const Source& source, Position at,
                                                 const RepositoryName& name,
                                                 const std::string& what) {
  if (configuration_.has_repository(name)) return;
  std::string fix = did_you_mean(name.str(), configuration_.repositories());
  if (fix.empty()) fix = "add a document of kind: Repository with this name";
  error(source, at, what + " names repository " + name.str() + ", and there is no such repository",
        std::move(fix));
}

void ConfigurationChecks::check_policy(const Policy& policy) {
  const std::string what = "policy " + policy.name.str();
  for (std::size_t i = 0; i < policy.repositories.size(); ++i) {
    const Glob& glob = policy.repositories[i];
    if (!glob.is_literal()) continue;
    const auto name = RepositoryName::parse(glob.str());
    if (name) {
      check_repository_known(policy.source, policy.repository_positions[i], *name, what);
    } else {
      error(policy.source, policy.repository_positions[i], what + ": " + name.error().message,
            name.error().fix);
    }
  }
  check_principals(policy.source, policy.read, what + " (read)");
  check_principals(policy.source, policy.update_by, what + " (update.by)");
  if (policy.commits) {
    check_principals(policy.source, policy.commits->signers, what + " (commits.signers)");
  }
}

void ConfigurationChecks::check_system_policy(const Policy& policy) {
  const std::string what = "policy " + policy.name.str() + " governs system and ";
  if (policy.enforcement == Enforcement::kEvaluate) {
    error(policy.source, policy.source.at, what + "is only evaluated",
          "say enforcement: enforce, so that the store's own rules hold");
  }
  if (policy.force_push == Permission::kAllow) {
    error(policy.source, policy.source.at, what + "allows force pushes",
          "say forcePush: deny; use a policy of its own for other repositories");
  }
  if (policy.deletion == Permission::kAllow) {
    error(policy.source, policy.source.at, what + "allows deleting refs",
          "say delete: deny; use a policy of its own for other repositories");
  }
}

void ConfigurationChecks::check_clauses(const Source& source,
                                        const std::vector<ApprovalClause>& clauses,
                                        const std::string& what) {
  for (const ApprovalClause& clause : clauses) {
    check_principals(source, clause.from, what);
    const std::size_t named = configuration_.identities_named(clause.from).size();
    if (clause.count > named) {
      warning(source, clause.at,
              what + " asks for " + std::to_string(clause.count) +
                  " approvals from a circle of only " + std::to_string(named),
              "add members, or ask for fewer");
    }
  }
}

void ConfigurationChecks::check_flow(const Flow& flow) {
  const std::string what = "flow " + flow.name.str();
  if (flow.promote) check_principals(flow.source, *flow.promote, what + " (promote)");
  if (flow.merge_by) check_principals(flow.source, *flow.merge_by, what + " (merge.by)");
  check_clauses(flow.source, flow.approvals, what + " (approvals)");
  if (flow.rollback && flow.rollback->approvals) {
    check_clauses(flow.source, *flow.rollback->approvals, what + " (rollback.approvals)");
  }
  if (flow.break_glass) {
    check_clauses(flow.source, flow.break_glass->approvals, what + " (breakGlass.approvals)");
  }
}

void ConfigurationChecks::check_flow_ends(const Flow& flow) {
  const std::string what = "flow " + flow.name.str();
  check_repository_known(flow.source, flow.source.at, flow.from_repository, what + " (from)");
  check_repository_known(flow.source, flow.source.at, flow.to.repository, what + " (to)");
  if (flow.starts_from(flow.to)) {
    error(flow.source, flow.source.at, what + " leads from " + flow.to.str() + " to itself",
          "let it start at another ref");
  }
  if (!configuration_.is_governed(flow.to)) {
    error(flow.source, flow.source.at,
          what + " leads to " + flow.to.str() + ", which no policy matches",
          "add a policy that matches it with update: {by: [\"flow:" + flow.name.str() + "\"]}");
  }
  const auto sample = RefName::parse(sample_of(flow.from_ref));
  if (sample && !configuration_.is_governed(RefKey{flow.from_repository, *sample})) {
    const std::string from = flow.from_repository.str() + ":" + flow.from_ref.str();
    if (flow.from_ref.is_literal()) {
      error(flow.source, flow.source.at,
            what + " starts from " + from + ", which no policy matches",
            "add a policy that says who may push there");
    } else {
      warning(flow.source, flow.source.at,
              what + " starts from " + from + ", and perhaps no policy matches such refs",
              "add a policy with the same pattern");
    }
  }
}

void ConfigurationChecks::check_flow_grant(const Flow& flow) {
  const std::vector<const Policy*> policies = configuration_.policies_for(flow.to);
  const Principal self{Principal::Kind::kFlow, flow.name.str(), {}};
  const bool granted = std::ranges::any_of(policies, [&](const Policy* policy) {
    return std::ranges::find(policy->update_by, self) != policy->update_by.end();
  });
  if (granted || policies.empty()) return;
  error(flow.source, flow.source.at,
        "flow " + flow.name.str() + " can never move " + flow.to.str() +
            ": no policy that matches it grants update to the flow",
        "add \"flow:" + flow.name.str() + "\" to update.by of policy " +
            policies.front()->name.str());
}

void ConfigurationChecks::warn_about_flow(const Flow& flow) {
  const bool approved = std::ranges::any_of(
      flow.approvals, [](const ApprovalClause& clause) { return clause.count > 0; });
  if (approved) return;
  if (flow.merge_auto) {
    warning(flow.source, flow.source.at,
            "flow " + flow.name.str() + " merges by itself and asks for no approval",
            "add approvals, unless this is meant");
  }
  if (flow.to.repository.is_system() && configuration_.members("administrators").size() > 1) {
    warning(flow.source, flow.source.at,
            "flow " + flow.name.str() +
                " changes the store's own configuration without an approval, although there are " +
                std::to_string(configuration_.members("administrators").size()) + " administrators",
            "add approvals: [{count: 1, from: [\"group:administrators\"]}]");
  }
}

std::set<ResourceName> ConfigurationChecks::signers_under(const Policy& policy) const {
  if (!policy.commits->signers.empty()) {
    return configuration_.identities_named(policy.commits->signers);
  }
  std::set<ResourceName> pushers;
  for (const Policy& other : configuration_.policies()) {
    const bool applies = &other == &policy || overlap(policy, other);
    if (applies) pushers.merge(configuration_.identities_named(other.update_by));
  }
  return pushers;
}

void ConfigurationChecks::warn_about_addresses() {
  std::map<ResourceName, const Policy*> without_address;
  for (const Policy& policy : configuration_.policies()) {
    if (!policy.commits || !policy.commits->committer_is_signer) continue;
    for (const ResourceName& name : signers_under(policy)) {
      const Identity* const identity = configuration_.identity(name);
      if (identity == nullptr || !identity->emails.empty()) continue;
      // A robot without keys only pushes what others sign.
      if (identity->type == IdentityType::kRobot && identity->keys.empty()) continue;
      without_address.try_emplace(name, &policy);
    }
  }
  for (const auto& [name, policy] : without_address) {
    const Source& source = configuration_.identity(name)->source;
    warning(source, source.at,
            "identity " + name.str() + " has no address, and policy " + policy->name.str() +
                " says committerIsSigner: every commit that " + name.str() +
                " signs will be refused",
            "add the address " + name.str() + " commits with to its spec.emails");
  }
}

void ConfigurationChecks::warn_about_store() {
  if (!configuration_.members("administrators").empty()) return;
  warning(Source{}, {}, "there is no group `administrators` with members",
          "without one, tokens can only be made on the store's own host");
}

}  // namespace statehouse
