#pragma once

#include <set>

#include "policy/configuration.h"

namespace statehouse {

/// The checks that need all resources at once. Private to policy/.
///
/// Appends errors to `problems`, and what is legal but probably not meant to `warnings`.
/// REQUIRES: names are unique per kind and every list of `configuration` is sorted by name.
class ConfigurationChecks {
 public:
  ConfigurationChecks(const Configuration& configuration, Diagnostics& problems,
                      Diagnostics& warnings)
      : configuration_(configuration), problems_(problems), warnings_(warnings) {}

  void run();

 private:
  void check_groups();
  void check_owners(const Identity& identity);
  void check_policy(const Policy& policy);
  void check_system_policy(const Policy& policy);
  void check_flow(const Flow& flow);
  void check_flow_ends(const Flow& flow);
  void check_flow_grant(const Flow& flow);
  void check_clauses(const Source& source, const std::vector<ApprovalClause>& clauses,
                     const std::string& what);
  void check_principals(const Source& source, const Principals& principals,
                        const std::string& what);
  void check_repository_known(const Source& source, Position at, const RepositoryName& name,
                              const std::string& what);
  void warn_about_flow(const Flow& flow);
  void warn_about_addresses();
  void warn_about_store();

  /// Whose commits reach the refs of `policy`. REQUIRES: it has commit rules.
  [[nodiscard]] std::set<ResourceName> signers_under(const Policy& policy) const;

  void error(const Source& source, Position at, std::string message, std::string fix) {
    problems_.push_back({source.file, at, std::move(message), std::move(fix)});
  }
  void warning(const Source& source, Position at, std::string message, std::string fix) {
    warnings_.push_back({source.file, at, std::move(message), std::move(fix)});
  }

  const Configuration& configuration_;
  Diagnostics& problems_;
  Diagnostics& warnings_;
};

}  // namespace statehouse
