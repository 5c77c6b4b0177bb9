#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace statehouse {

/// A place in a YAML file, from 1. {0, 0} means "the file as a whole".
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  auto operator<=>(const Position&) const = default;
};

/// One thing that is wrong with a configuration, in words for the person who wrote it.
///
/// `message` is lower case and escaped for terminals. `fix` says what to write instead; it may be
/// empty. A list of diagnostics is ordered by file, line, column, so equal input gives equal text.
struct Diagnostic {
  std::string file;
  Position at;
  std::string message;
  std::string fix;

  /// "policies/audit.yaml:7:3: unknown field `udpate`; did you mean `update`?"
  [[nodiscard]] std::string text() const;
};

using Diagnostics = std::vector<Diagnostic>;

/// Orders by file, line, column, message.
void sort_diagnostics(Diagnostics& diagnostics);

}  // namespace statehouse
