#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "crypto/base/encoding.h"
#include "store/model/name.h"
#include "store/model/oid.h"

// How reasons call things. Private to policy/. Everything returned is safe for a terminal.

namespace statehouse::words {

/// "commit 1f2e3d4c5b6a": enough of an id to find it. "a commit" for the zero id, which stands for
/// one that is only imagined.
inline std::string commit(const Oid& oid) {
  return oid.is_zero() ? "a commit" : "commit " + oid.hex().substr(0, 12);
}

/// "alice, bob and 3 more".
template <typename Names, typename Text>
std::string list(const Names& names, Text text, std::size_t shown_max = 5) {
  std::string result;
  std::size_t shown = 0;
  for (const auto& name : names) {
    if (shown == shown_max) break;
    if (!result.empty()) result += ", ";
    result += text(name);
    ++shown;
  }
  if (names.size() > shown) result += " and " + std::to_string(names.size() - shown) + " more";
  return result;
}

inline std::string identities(const std::set<ResourceName>& names) {
  return list(names, [](const ResourceName& name) { return name.str(); });
}

/// "1 approval", "2 approvals".
inline std::string count(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

/// "; and 4 more commits", or nothing when `total` is 1.
inline std::string and_more_commits(std::size_t total) {
  return total > 1 ? "; and " + count(total - 1, "more commit") : std::string();
}

}  // namespace statehouse::words
