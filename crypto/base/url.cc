#include "crypto/base/url.h"

namespace statehouse {

std::string without_userinfo(std::string_view text) {
  constexpr std::string_view kSchemeEnd = "://";
  std::string shown;
  for (;;) {
    const std::size_t begin = text.find(kSchemeEnd);
    if (begin == std::string_view::npos) return shown.append(text);
    shown += text.substr(0, begin + kSchemeEnd.size());
    text.remove_prefix(begin + kSchemeEnd.size());
    const std::string_view url = text.substr(0, text.find_first_of(" \t\r\n'\"<>"));
    std::string_view authority = url.substr(0, url.find_first_of("/?#"));
    // What follows a colon is a port, or a password that a '/' of its own cuts short.
    const std::size_t colon = authority.rfind(':');
    const bool is_cut =
        !authority.starts_with('[') && colon != std::string_view::npos &&
        authority.find('@') == std::string_view::npos &&
        authority.find_first_not_of("0123456789", colon + 1) != std::string_view::npos;
    if (is_cut) authority = url;
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos) text.remove_prefix(at + 1);
  }
}

}  // namespace statehouse
