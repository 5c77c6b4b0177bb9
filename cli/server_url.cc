#include "cli/server_url.h"

#include <algorithm>

#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

/// What RFC 3986 allows in a URL that has neither a query nor a fragment.
bool is_url_character(char c) {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=:%/[]";
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_letter || (c >= '0' && c <= '9') || kOthers.find(c) != std::string_view::npos;
}

}  // namespace

Result<HostPort> parse_authority(std::string_view authority, int default_port) {
  const auto bad = [&] {
    return invalid_argument("reading the server's URL: \"" + escape_for_message(authority) +
                            "\" is not a host and port");
  };
  const bool bracketed = authority.starts_with('[');
  const auto host_end = bracketed ? authority.find(']') : authority.rfind(':');
  std::string_view host = authority.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
  if (bracketed && host_end == std::string_view::npos) return bad();
  std::string_view rest;
  if (host_end != std::string_view::npos) rest = authority.substr(host_end + (bracketed ? 1 : 0));
  if (host.empty() || host.find_first_of("@/?# \t\r\n") != std::string_view::npos) return bad();
  int port = default_port;
  if (!rest.empty()) {
    if (rest.size() < 2 || rest.size() > 6 || rest.front() != ':') return bad();
    port = 0;
    for (const char c : rest.substr(1)) {
      if (c < '0' || c > '9') return bad();
      port = port * 10 + (c - '0');
    }
    if (port < 1 || port > 65535) return bad();
  }
  return HostPort{std::string(host), port};
}

Result<> require_public_url(std::string_view url) {
  const std::string fix =
      "write it as clients do, without user, query and fragment: https://store.example.org";
  if (url.find('@') != std::string_view::npos) {
    return invalid_argument("it holds a user name or password", fix);
  }
  const std::size_t scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end);
  std::string_view authority;
  if (scheme_end != std::string_view::npos) authority = url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find('/'));
  const bool is_http = scheme == "http" || scheme == "https";
  constexpr int kAnyPort = 80;
  if (is_http && parse_authority(authority, kAnyPort) &&
      std::ranges::all_of(url, is_url_character)) {
    return {};
  }
  return invalid_argument(
      "\"" + escape_for_message(url) + "\" is no http:// or https:// address of a server", fix);
}

std::string without_final_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace statehouse
