#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/base/file.h"
#include "crypto/base/json.h"

namespace statehouse {

/// The folder of test vectors made by others, or nothing (and a message) when it is not there.
inline std::optional<Path> vectors_folder(std::string_view set) {
  const char* root = std::getenv("STATEHOUSE_VECTORS");
  if (root != nullptr && std::filesystem::is_directory(Path(root) / set)) return Path(root) / set;
  MESSAGE("skipped: no vectors for ", std::string(set), " (STATEHOUSE_VECTORS is not set)");
  return std::nullopt;
}

inline std::string read_vector(const Path& path) { return read_file(path, 8U << 20).value(); }

inline Json read_json_vector(const Path& path) {
  return parse_json(read_vector(path), 8U << 20).value();
}

}  // namespace statehouse
