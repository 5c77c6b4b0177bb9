#include "policy/glob.h"

#include <algorithm>
#include <vector>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

bool is_glob_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._-/@+=*").contains(c);
}

}  // namespace

Result<Glob> Glob::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return invalid_argument(
        "reading pattern `" + escape_for_message(text, 80) + "`: " + std::string(why),
        "patterns are names in which * stands for one part and ** for any number of parts");
  };
  if (text.empty() || text.size() > 255) return bad("must have 1 to 255 characters");
  if (!std::ranges::all_of(text, is_glob_character)) return bad("has a character no name can have");
  if (text.contains("***")) return bad("has more than two * in a row");
  return Glob(std::string(text));
}

bool Glob::matches(std::string_view name) const {
  // reached[i]: the pattern read so far matches the first i characters of `name`.
  std::vector<char> reached(name.size() + 1, 0);
  reached[0] = 1;
  for (std::size_t at = 0; at < text_.size(); ++at) {
    if (text_[at] != '*') {
      for (std::size_t i = name.size(); i > 0; --i) {
        reached[i] = static_cast<char>(reached[i - 1] != 0 && name[i - 1] == text_[at]);
      }
      reached[0] = 0;
      continue;
    }
    const bool crosses = at + 1 < text_.size() && text_[at + 1] == '*';
    if (crosses) ++at;
    for (std::size_t i = 1; i <= name.size(); ++i) {
      if (reached[i - 1] != 0 && (crosses || name[i - 1] != '/')) reached[i] = 1;
    }
  }
  return reached[name.size()] != 0;
}

bool Glob::matches(const RepositoryName& name) const {
  if (name.is_system()) return text_ == name.str();
  return matches(name.str());
}

}  // namespace statehouse
