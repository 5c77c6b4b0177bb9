#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/environment.h"

namespace statehouse {

/// Where logins are saved: $XDG_CONFIG_HOME/statehouse/logins.json, else ~/.config/…; empty when
/// neither variable is set. The file is JSON,
///   {"logins":[{"server":URL,"identity":NAME,"token":TOKEN,"expires":RFC 3339}]}
Path login_file_path(const Environment& environment);

/// The saved token for `server` that has not expired; none when there is no such login.
/// Errors: kDenied when the file can be read by others than its owner, kInvalidArgument when it is
/// malformed.
Result<std::optional<std::string>> saved_token(const Environment& environment,
                                               std::string_view server);

}  // namespace statehouse
