#pragma once

#include <expected>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "policy/decision.h"
#include "policy/diagnostic.h"
#include "policy/key_directory.h"
#include "policy/resource.h"
#include "store/model/name.h"

namespace statehouse {

/// One file of the `system` tree.
struct ConfigurationFile {
  std::string path;
  std::string bytes;
};

/// All resources of one version of `system`, checked against each other. Immutable after `build`:
/// share one by shared_ptr<const>; threads: any.
///
/// Deterministic: the same files in any order give the same value or the same diagnostics.
class Configuration {
 public:
  /// Reads every *.yaml and *.yml in `files` (others are ignored) and checks what one document
  /// cannot: names that nobody declares, duplicate names, one key or e-mail address in two
  /// identities, robots without person owners, flows whose ends no policy governs or that no policy
  /// lets move their target, requirements on `system` that would not be enforced.
  /// Does not look at a clock, so that a live configuration can always be loaded again.
  static std::expected<Configuration, Diagnostics> build(
      const std::vector<ConfigurationFile>& files, const OpenPgpInspector& inspect);

  /// What is legal but probably not meant (e.g. an automatic flow without approvals).
  [[nodiscard]] const Diagnostics& warnings() const { return warnings_; }

  // Resources, by name. nullptr when there is none.
  [[nodiscard]] const Identity* identity(const ResourceName& name) const;
  [[nodiscard]] const Flow* flow(const ResourceName& name) const;
  [[nodiscard]] const Policy* policy(const ResourceName& name) const;
  [[nodiscard]] const Repository* repository(const RepositoryName& name) const;
  /// True for declared repositories, and for `system` always.
  [[nodiscard]] bool has_repository(const RepositoryName& name) const;

  // Resources, sorted by name.
  [[nodiscard]] const std::vector<Identity>& identities() const { return identities_; }
  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }
  [[nodiscard]] const std::vector<Repository>& repositories() const { return repositories_; }
  [[nodiscard]] const std::vector<Policy>& policies() const { return policies_; }
  [[nodiscard]] const std::vector<Flow>& flows() const { return flows_; }
  [[nodiscard]] const KeyDirectory& keys() const { return keys_; }

  /// Whether `identity` is in the group called `group`; false when there is no such group.
  [[nodiscard]] bool is_member(const ResourceName& identity, std::string_view group) const;
  /// Empty when there is no such group.
  [[nodiscard]] const std::set<ResourceName>& members(std::string_view group) const;
  /// Whether one of `principals` names `identity`, directly, by group, or as anyone.
  [[nodiscard]] bool names(const Principals& principals, const ResourceName& identity) const;
  /// Every identity that `principals` name (without `anyone`).
  [[nodiscard]] std::set<ResourceName> identities_named(const Principals& principals) const;
  /// The persons answerable for `identity`: itself, or a robot's owners. An identity that no
  /// longer exists answers for itself.
  [[nodiscard]] std::set<ResourceName> persons_behind(const ResourceName& identity) const;

  /// The policies that match, sorted by name.
  [[nodiscard]] std::vector<const Policy*> policies_for(const RefKey& key) const;
  [[nodiscard]] bool is_governed(const RefKey& key) const;
  /// The flows that may start at `key`, sorted by name.
  [[nodiscard]] std::vector<const Flow*> flows_from(const RefKey& key) const;
  /// The flows whose target is `key`, sorted by name.
  [[nodiscard]] std::vector<const Flow*> flows_to(const RefKey& key) const;
  /// The baseline declared for `key` whose commit is `commit`, or nullptr.
  [[nodiscard]] const Baseline* baseline(const RefKey& key, const Oid& commit) const;

 private:
  Configuration() = default;
  void take(Resource resource);
  void index(const OpenPgpInspector& inspect, Diagnostics& problems);

  std::vector<Identity> identities_;
  std::vector<Group> groups_;
  std::vector<Repository> repositories_;
  std::vector<Policy> policies_;
  std::vector<Flow> flows_;
  std::map<std::string, std::set<ResourceName>, std::less<>> members_;
  KeyDirectory keys_;
  Diagnostics warnings_;
};

/// Whether, under `configuration` at `now`, nobody could change `system` any more: no identity
/// could push a signed commit to its audit branch and have the flow `system` promote it with the
/// approvals of others. Returns why not, or nullopt when somebody can. Asks the evaluator itself.
///
/// Call it on candidates before they land; not on the live configuration at start (keys that have
/// expired since must not stop a server from serving).
std::optional<Diagnostic> find_lockout(const Configuration& configuration, Timestamp now);

/// The refusal of a candidate configuration: one failing rule `store/configuration` (or
/// `store/lockout`) per diagnostic, at most 20.
Decision refuse_configuration(const Diagnostics& diagnostics, std::string_view rule);

}  // namespace statehouse
