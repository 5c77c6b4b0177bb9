#pragma once

#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

struct HostPort {
  std::string host;  ///< without the brackets of an IPv6 address
  int port = 0;
};

/// Reads "HOST", "HOST:PORT" or "[ADDRESS]:PORT". Errors: kInvalidArgument.
Result<HostPort> parse_authority(std::string_view authority, int default_port);

/// Errors: kInvalidArgument unless `url` can stand before the paths of a server's interface:
/// http(s)://HOST[:PORT][/PATH], without user, query and fragment. A URL with a user is not
/// repeated: there may be a password in it.
Result<> require_public_url(std::string_view url);

/// "https://store.example.org/" and "https://store.example.org" are the same server.
std::string without_final_slash(std::string url);

}  // namespace statehouse
