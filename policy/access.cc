#include <algorithm>

#include "policy/evaluate.h"
#include "policy/words.h"

namespace statehouse {

namespace {

constexpr std::string_view kAdministrators = "administrators";
constexpr std::string_view kAuditors = "auditors";

/// Whether a policy's `read` names `identity` itself or a group of it (not: anyone).
bool is_reader_by_name(const Configuration& configuration, const ResourceName& identity,
                       const RefKey& key) {
  return std::ranges::any_of(configuration.policies(), [&](const Policy& policy) {
    if (!policy.matches(key)) return false;
    return std::ranges::any_of(policy.read, [&](const Principal& principal) {
      return principal.kind != Principal::Kind::kAnyone &&
             configuration.names({principal}, identity);
    });
  });
}

bool is_read_by_anyone(const Configuration& configuration, const RefKey& key) {
  return std::ranges::any_of(configuration.policies(), [&](const Policy& policy) {
    return policy.matches(key) && std::ranges::any_of(policy.read, [](const Principal& principal) {
             return principal.kind == Principal::Kind::kAnyone;
           });
  });
}

std::string in_words(const Principals& principals) {
  if (principals.empty()) return "nobody";
  return words::list(principals, [](const Principal& principal) { return principal.str(); });
}

void judge_promote(const Configuration& configuration, const Flow& flow, const RefKey& source,
                   const ResourceName& identity, std::string_view rule, Decision& decision) {
  const std::string policy = "flow:" + flow.name.str();
  const std::string doing = rule == "merge" ? "merge promotions of " : "open promotions of ";
  if (flow.promote) {
    if (configuration.names(*flow.promote, identity)) {
      decision.pass(policy, std::string(rule), identity.str() + " may " + doing + source.str());
    } else {
      decision.fail(policy, std::string(rule),
                    identity.str() + " may not " + doing + source.str() +
                        ": the flow's promote names " + in_words(*flow.promote),
                    "ask one of them, or have promote of the flow changed in system");
    }
    return;
  }
  const bool reads_both = is_reader_by_name(configuration, identity, source) &&
                          is_reader_by_name(configuration, identity, flow.to);
  if (reads_both) {
    decision.pass(policy, std::string(rule), identity.str() + " may read both ends of the flow");
    return;
  }
  decision.fail(
      policy, std::string(rule),
      identity.str() + " may not " + doing + source.str() +
          ": no policy names it as a reader of both ends",
      "have read granted on both refs, or name who may in promote of the flow, in system");
}

/// The flow, when it starts at `source`; else records why not.
const Flow* flow_from(const Configuration& configuration, const ResourceName& name,
                      const RefKey& source, Decision& decision) {
  const Flow* const flow = configuration.flow(name);
  if (flow == nullptr) {
    decision.fail("flow:" + name.str(), "flow", "there is no flow " + name.str(),
                  "look at the Flow resources in `system`");
    return nullptr;
  }
  if (flow->starts_from(source) || flow->to == source) return flow;
  decision.fail("flow:" + name.str(), "flow",
                "flow " + name.str() + " does not start at " + source.str() + " but at " +
                    flow->from_repository.str() + ":" + flow->from_ref.str(),
                "choose a flow whose `from` is that ref");
  return nullptr;
}

}  // namespace

bool is_administrator(const Configuration& configuration, const ResourceName& identity) {
  return configuration.is_member(identity, kAdministrators);
}

bool may_read_entries(const Configuration& configuration,
                      const std::optional<ResourceName>& identity) {
  return identity && (is_administrator(configuration, *identity) ||
                      configuration.is_member(*identity, kAuditors));
}

bool may_read(const Configuration& configuration, const std::optional<ResourceName>& identity,
              const RefKey& key) {
  if (!identity) return is_read_by_anyone(configuration, key);
  return is_administrator(configuration, *identity) || is_read_by_anyone(configuration, key) ||
         is_reader_by_name(configuration, *identity, key);
}

std::vector<RefKey> readable(const Configuration& configuration,
                             const std::optional<ResourceName>& identity,
                             const std::vector<RefKey>& keys) {
  std::vector<RefKey> allowed;
  std::ranges::copy_if(keys, std::back_inserter(allowed),
                       [&](const RefKey& key) { return may_read(configuration, identity, key); });
  return allowed;
}

Decision evaluate_open_permission(const Configuration& configuration, const ResourceName& flow,
                                  const RefKey& source, const ResourceName& identity) {
  Decision decision;
  if (const Flow* const found = flow_from(configuration, flow, source, decision)) {
    judge_promote(configuration, *found, source, identity, "promote", decision);
  }
  decision.settle();
  return decision;
}

Decision evaluate_merge_permission(const Configuration& configuration, const ResourceName& flow,
                                   const RefKey& source, const ResourceName& identity) {
  Decision decision;
  const Flow* const found = flow_from(configuration, flow, source, decision);
  if (found != nullptr && !found->merge_by) {
    judge_promote(configuration, *found, source, identity, "merge", decision);
  } else if (found != nullptr && configuration.names(*found->merge_by, identity)) {
    decision.pass("flow:" + flow.str(), "merge", identity.str() + " may merge");
  } else if (found != nullptr) {
    decision.fail(
        "flow:" + flow.str(), "merge",
        identity.str() + " may not merge: the flow's merge.by names " + in_words(*found->merge_by),
        "ask one of them: statehouse promotion merge NUMBER");
  }
  decision.settle();
  return decision;
}

}  // namespace statehouse
