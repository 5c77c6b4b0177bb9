#include "cli/clone.h"

namespace statehouse {

std::optional<CloneRemote> parse_clone_url(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = url.substr(0, scheme_end);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  std::string_view rest = url.substr(scheme_end + 3);
  const auto authority_end = rest.find('/');
  if (authority_end == std::string_view::npos) return std::nullopt;
  std::string_view authority = rest.substr(0, authority_end);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  std::string_view path = rest.substr(authority_end);
  constexpr std::string_view kPrefix = "/git/";
  constexpr std::string_view kSuffix = ".git";
  if (!path.starts_with(kPrefix) || authority.empty()) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  if (path.ends_with('/')) path.remove_suffix(1);
  if (!path.ends_with(kSuffix)) return std::nullopt;
  path.remove_suffix(kSuffix.size());
  auto repository = RepositoryName::parse(path);
  if (!repository) return std::nullopt;
  return CloneRemote{std::string(scheme) + "://" + std::string(authority), *std::move(repository)};
}

EnvironmentList user_environment(const Environment& environment) {
  return {environment.variables.begin(), environment.variables.end()};
}

Result<std::optional<std::string>> git_setting(const Environment& environment,
                                               const std::string& name) {
  auto value = TRY(ask_user_git(environment.working_directory, user_environment(environment),
                                {"config", "--get", name}));
  if (value && value->empty()) value.reset();
  return value;
}

Result<std::optional<CloneRemote>> find_clone(const Environment& environment) {
  const auto ask = [&](const std::vector<std::string>& arguments) {
    return ask_user_git(environment.working_directory, user_environment(environment), arguments);
  };
  std::string remote = "origin";
  if (const auto branch = TRY(ask({"symbolic-ref", "--quiet", "--short", "HEAD"}))) {
    const auto upstream = TRY(ask({"config", "--get", "branch." + *branch + ".remote"}));
    if (upstream && !upstream->empty() && !upstream->starts_with('-')) remote = *upstream;
  }
  const auto url = TRY(ask({"config", "--get", "remote." + remote + ".url"}));
  if (!url) return std::nullopt;
  return parse_clone_url(*url);
}

}  // namespace statehouse
