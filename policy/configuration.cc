#include "policy/configuration.h"

#include <algorithm>
#include <tuple>

#include "crypto/base/limits.h"
#include "policy/configuration_checks.h"

namespace statehouse {

namespace {

constexpr std::size_t kDiagnosticsShownMax = 20;

bool is_resource_file(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

template <typename Resource, typename Name>
const Resource* find_by_name(const std::vector<Resource>& sorted, const Name& name) {
  const auto found = std::ranges::lower_bound(sorted, name, {}, &Resource::name);
  return found != sorted.end() && found->name == name ? &*found : nullptr;
}

/// Sorts by name; reports and removes all but the first of equal names, by file and line.
template <typename Resource>
void sort_unique(std::vector<Resource>& resources, std::string_view kind, Diagnostics& problems) {
  std::ranges::sort(resources, {}, [](const Resource& resource) {
    return std::tie(resource.name, resource.source.file, resource.source.at);
  });
  for (std::size_t i = 1; i < resources.size(); ++i) {
    if (resources[i - 1].name != resources[i].name) continue;
    const Source& first = resources[i - 1].source;
    problems.push_back(
        {resources[i].source.file, resources[i].source.at,
         "there are two of " + std::string(kind) + " " + resources[i].name.str(),
         "the other is in " + first.file + ":" + std::to_string(first.at.line) + "; keep one"});
  }
  const auto duplicates = std::ranges::unique(resources, {}, &Resource::name);
  resources.erase(duplicates.begin(), duplicates.end());
}

std::expected<std::vector<const ConfigurationFile*>, Diagnostics> resource_files(
    const std::vector<ConfigurationFile>& files) {
  std::vector<const ConfigurationFile*> sorted;
  for (const ConfigurationFile& file : files) {
    if (is_resource_file(file.path)) sorted.push_back(&file);
  }
  if (sorted.size() > limits::kConfigurationFilesMax) {
    return std::unexpected(Diagnostics{
        {"",
         {},
         "has more than " + std::to_string(limits::kConfigurationFilesMax) + " YAML files",
         "put several documents into one file"}});
  }
  std::ranges::sort(sorted, {}, [](const auto* file) -> const std::string& { return file->path; });
  return sorted;
}

}  // namespace

std::expected<Configuration, Diagnostics> Configuration::build(
    const std::vector<ConfigurationFile>& files, const OpenPgpInspector& inspect) {
  const auto sorted = TRY(resource_files(files));
  Configuration configuration;
  Diagnostics problems;
  for (const ConfigurationFile* file : sorted) {
    auto resources = read_resources(file->path, file->bytes);
    if (!resources) {
      std::ranges::move(resources.error(), std::back_inserter(problems));
      continue;
    }
    for (Resource& resource : *resources) configuration.take(std::move(resource));
  }
  // What is missing from an unreadable file would only be reported again, as unknown names.
  if (!problems.empty()) return std::unexpected(std::move(problems));
  configuration.index(inspect, problems);
  ConfigurationChecks(configuration, problems, configuration.warnings_).run();
  sort_diagnostics(configuration.warnings_);
  if (problems.empty()) return configuration;
  sort_diagnostics(problems);
  return std::unexpected(std::move(problems));
}

void Configuration::take(Resource resource) {
  struct Taker {
    Configuration& self;
    void operator()(Identity& value) const { self.identities_.push_back(std::move(value)); }
    void operator()(Group& value) const { self.groups_.push_back(std::move(value)); }
    void operator()(Repository& value) const { self.repositories_.push_back(std::move(value)); }
    void operator()(Policy& value) const { self.policies_.push_back(std::move(value)); }
    void operator()(Flow& value) const { self.flows_.push_back(std::move(value)); }
  };
  std::visit(Taker{*this}, resource);
}

void Configuration::index(const OpenPgpInspector& inspect, Diagnostics& problems) {
  sort_unique(identities_, "identity", problems);
  sort_unique(groups_, "group", problems);
  sort_unique(repositories_, "repository", problems);
  sort_unique(policies_, "policy", problems);
  sort_unique(flows_, "flow", problems);
  for (const Group& group : groups_) {
    std::set<ResourceName>& members = members_[group.name.str()];
    for (const NamedAt& member : group.members) members.insert(member.name);
  }
  keys_ = KeyDirectory::build(identities_, inspect, problems);
}

const Identity* Configuration::identity(const ResourceName& name) const {
  return find_by_name(identities_, name);
}

const Flow* Configuration::flow(const ResourceName& name) const {
  return find_by_name(flows_, name);
}

const Policy* Configuration::policy(const ResourceName& name) const {
  return find_by_name(policies_, name);
}

const Repository* Configuration::repository(const RepositoryName& name) const {
  return find_by_name(repositories_, name);
}

bool Configuration::has_repository(const RepositoryName& name) const {
  return name.is_system() || repository(name) != nullptr;
}

const std::set<ResourceName>& Configuration::members(std::string_view group) const {
  static const std::set<ResourceName> kNobody;
  const auto found = members_.find(group);
  return found == members_.end() ? kNobody : found->second;
}

bool Configuration::is_member(const ResourceName& identity, std::string_view group) const {
  return members(group).contains(identity);
}

bool Configuration::names(const Principals& principals, const ResourceName& identity) const {
  return std::ranges::any_of(principals, [&](const Principal& principal) {
    switch (principal.kind) {
      case Principal::Kind::kIdentity:
        return principal.name == identity.str();
      case Principal::Kind::kGroup:
        return is_member(identity, principal.name);
      case Principal::Kind::kAnyone:
        return true;
      case Principal::Kind::kFlow:
        return false;
    }
    return false;
  });
}

std::set<ResourceName> Configuration::identities_named(const Principals& principals) const {
  std::set<ResourceName> identities;
  for (const Principal& principal : principals) {
    if (principal.kind == Principal::Kind::kGroup) {
      const std::set<ResourceName>& group = members(principal.name);
      identities.insert(group.begin(), group.end());
    } else if (principal.kind == Principal::Kind::kIdentity) {
      const auto name = ResourceName::parse(principal.name);
      if (name && identity(*name) != nullptr) identities.insert(*name);
    }
  }
  return identities;
}

std::set<ResourceName> Configuration::persons_behind(const ResourceName& name) const {
  const Identity* const found = identity(name);
  if (found == nullptr || found->type == IdentityType::kPerson) return {name};
  std::set<ResourceName> persons;
  for (const NamedAt& owner : found->owners) persons.insert(owner.name);
  return persons;
}

std::vector<const Policy*> Configuration::policies_for(const RefKey& key) const {
  std::vector<const Policy*> matching;
  for (const Policy& policy : policies_) {
    if (policy.matches(key)) matching.push_back(&policy);
  }
  return matching;
}

bool Configuration::is_governed(const RefKey& key) const {
  return std::ranges::any_of(policies_, [&](const Policy& policy) { return policy.matches(key); });
}

std::vector<const Flow*> Configuration::flows_from(const RefKey& key) const {
  std::vector<const Flow*> flows;
  for (const Flow& flow : flows_) {
    if (flow.starts_from(key)) flows.push_back(&flow);
  }
  return flows;
}

std::vector<const Flow*> Configuration::flows_to(const RefKey& key) const {
  std::vector<const Flow*> flows;
  for (const Flow& flow : flows_) {
    if (flow.to == key) flows.push_back(&flow);
  }
  return flows;
}

const Baseline* Configuration::baseline(const RefKey& key, const Oid& commit) const {
  const Repository* const found = repository(key.repository);
  if (found == nullptr) return nullptr;
  const auto baseline = std::ranges::find_if(found->baselines, [&](const Baseline& candidate) {
    return candidate.ref == key.ref && candidate.commit == commit;
  });
  return baseline == found->baselines.end() ? nullptr : &*baseline;
}

Decision refuse_configuration(const Diagnostics& diagnostics, std::string_view rule) {
  Decision decision;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (decision.rules.size() == kDiagnosticsShownMax) break;
    Diagnostic without_fix = diagnostic;
    without_fix.fix.clear();
    decision.fail("store", std::string(rule), without_fix.text(), diagnostic.fix);
  }
  decision.settle();
  return decision;
}

}  // namespace statehouse
