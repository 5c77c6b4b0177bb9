#include "policy/diagnostic.h"

#include <algorithm>
#include <tuple>

#include "crypto/base/encoding.h"

namespace statehouse {

std::string Diagnostic::text() const {
  std::string text = escape_for_message(file);
  if (at.line > 0) text += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  if (!text.empty()) text += ": ";
  text += message;
  if (!fix.empty()) text += "; " + fix;
  return text;
}

void sort_diagnostics(Diagnostics& diagnostics) {
  const auto key = [](const Diagnostic& diagnostic) {
    return std::tie(diagnostic.file, diagnostic.at, diagnostic.message, diagnostic.fix);
  };
  std::ranges::sort(diagnostics, [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

}  // namespace statehouse
