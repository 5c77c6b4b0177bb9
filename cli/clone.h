#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/environment.h"
#include "store/git/git_client.h"
#include "store/model/name.h"

namespace statehouse {

/// A repository of a Statehouse server, as a Git remote names it.
struct CloneRemote {
  std::string server;  ///< "http://host:port", without a final slash, user and password
  RepositoryName repository;
};

/// Reads "http(s)://[user[:password]@]HOST/git/NAME.git". None when `url` has another form.
std::optional<CloneRemote> parse_clone_url(std::string_view url);

/// The Statehouse remote of the clone we are in: the current branch's, else `origin`. None outside
/// of a clone, or when its remote is no Statehouse server.
Result<std::optional<CloneRemote>> find_clone(const Environment& environment);

/// One setting of the user's git; none when it is not set.
Result<std::optional<std::string>> git_setting(const Environment& environment,
                                               const std::string& name);

/// The process environment as a list, for the user's own programs.
EnvironmentList user_environment(const Environment& environment);

}  // namespace statehouse
