#include <algorithm>
#include <array>
#include <string>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "store/git/name_folding.h"
#include "store/git/object_rules.h"

namespace statehouse {

namespace {

std::optional<ObjectRuleViolation> violation(std::string_view rule, std::string_view name,
                                             std::string_view reason) {
  return ObjectRuleViolation{std::string(rule), std::string(name), std::string(reason)};
}

bool has_control_byte(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

/// C1 controls, line and paragraph separators, and what reorders text on a reviewer's screen.
/// REQUIRES: valid UTF-8, so that a match cannot start inside a character.
bool has_deceptive_character(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    const auto second = static_cast<unsigned char>(text[i + 1]);
    if (first == 0xC2 && second < 0xA0) return true;  // U+0080-009F
    if (first != 0xE2 || i + 2 >= text.size()) continue;
    const auto third = static_cast<unsigned char>(text[i + 2]);
    if (second == 0x80 && (third == 0x8E || third == 0x8F)) return true;  // U+200E-200F
    if (second == 0x80 && third >= 0xA8 && third <= 0xAE) return true;    // U+2028-202E
    if (second == 0x81 && third >= 0xA6 && third <= 0xA9) return true;    // U+2066-2069
  }
  return false;
}

std::string_view without_trailing(std::string_view text, std::string_view characters) {
  const std::size_t last = text.find_last_not_of(characters);
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

/// Names that Windows opens as a device, whatever extension follows.
bool is_device_name(std::string_view name) {
  const std::string base =
      collision_key(without_trailing(name.substr(0, name.find_first_of(".:")), " "));
  constexpr std::array<std::string_view, 7> kPlain = {"con",    "prn",     "aux",   "nul",
                                                      "conin$", "conout$", "clock$"};
  if (std::find(kPlain.begin(), kPlain.end(), base) != kPlain.end()) return true;
  if (!base.starts_with("com") && !base.starts_with("lpt")) return false;
  const std::string_view port = std::string_view(base).substr(3);
  if (port.size() == 1) return port[0] >= '0' && port[0] <= '9';
  return port == "\u00b9" || port == "\u00b2" || port == "\u00b3";
}

/// What NTFS and HFS+ make of a name: no case, no ignorable characters, no alternate data stream,
/// no trailing dots and spaces.
std::string on_disk_name(std::string_view name) {
  const std::string key = collision_key(name);
  const std::string_view file = std::string_view(key).substr(0, key.find(':'));
  return std::string(without_trailing(file, " ."));
}

/// True for `prefix`~<digits>: the short name that NTFS gives to a longer one.
bool is_short_name(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  const std::string_view rest = name.substr(prefix.size());
  return rest.size() > 1 && rest[0] == '~' &&
         rest.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

/// True when some file system reads `name` as ".git".
bool is_git_folder(std::string_view name) {
  const std::string disk_name = on_disk_name(name);
  return disk_name == ".git" || is_short_name(disk_name, "git");
}

}  // namespace

std::optional<ObjectRuleViolation> check_entry_name(std::string_view name) {
  if (has_control_byte(name)) {
    return violation("name-control", name, "the name holds a control byte");
  }
  if (!is_valid_utf8(name)) return violation("name-encoding", name, "the name is not UTF-8");
  if (has_deceptive_character(name)) {
    return violation("name-control", name, "the name holds a control or reordering character");
  }
  if (name.find('\\') != std::string_view::npos) {
    return violation("name-backslash", name, "the name holds a backslash, which Windows splits at");
  }
  if (name == "." || name == ".." || is_git_folder(name)) {
    return violation("name-dotgit", name,
                     "some file system reads the name as \".git\" or a parent");
  }
  if (name.ends_with('.') || name.ends_with(' ')) {
    return violation("name-trailing", name, "the name ends in a dot or a space");
  }
  if (is_device_name(name)) return violation("name-device", name, "Windows opens a device there");
  return std::nullopt;
}

bool is_special_name(std::string_view name) {
  const std::string disk_name = on_disk_name(name);
  constexpr std::array<std::string_view, 4> kNames = {".gitmodules", ".gitattributes", ".gitignore",
                                                      ".mailmap"};
  if (std::find(kNames.begin(), kNames.end(), disk_name) != kNames.end()) return true;
  constexpr std::array<std::string_view, 8> kShort = {"gitmod", "gitatt", "gitign", "mailma",
                                                      "gi7eba", "gi7d29", "gi250a", "maba30"};
  return std::any_of(kShort.begin(), kShort.end(),
                     [&](std::string_view prefix) { return is_short_name(disk_name, prefix); });
}

std::optional<ObjectRuleViolation> check_symlink_target(std::string_view target) {
  if (target.empty() || target.size() > limits::kTreePathBytesMax || has_control_byte(target) ||
      target.find('\\') != std::string_view::npos) {
    return violation("symlink-target", target,
                     "the link's target is empty, too long, or holds a control byte or backslash");
  }
  if (target[0] == '/') return violation("symlink-absolute", target, "the link is absolute");
  // What is left once the leading run of ".." is gone must not climb again.
  std::string_view rest = target.substr(std::min(target.size(), 3 * symlink_climb(target)));
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    if (rest.substr(0, slash) == "..") {
      return violation("symlink-escape", target, "the link climbs after it descended");
    }
    if (is_git_folder(rest.substr(0, slash))) {
      return violation("symlink-git", target, "the link points into the reader's .git folder");
    }
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  return std::nullopt;
}

std::size_t symlink_climb(std::string_view target) {
  std::size_t climbs = 0;
  for (;;) {
    if (target == "..") return climbs + 1;
    if (!target.starts_with("../")) return climbs;
    target.remove_prefix(3);
    ++climbs;
  }
}

}  // namespace statehouse
