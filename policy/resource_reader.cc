#include "policy/resource_reader.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

std::string in_words(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string_view best = nearest(word, known);
  if (best.empty()) return "known here: " + in_words(known);
  return "did you mean `" + std::string(best) + "`?";
}

std::optional<Principal> read_principal(ResourceReader& reader, const YamlNode& node,
                                        const std::string& what, PrincipalsAllowed allowed) {
  if (!require_kind(reader, node, what, YamlKind::kString)) return std::nullopt;
  Principal principal;
  principal.at = node.at;
  std::string_view text = node.text;
  if (text == "anyone") {
    principal.kind = Principal::Kind::kAnyone;
    if (allowed == PrincipalsAllowed::kPeopleAndAnyone) return principal;
    reader.report(node.at, what + " cannot be granted to anyone",
                  "name identities or group:NAME; anyone is for read only");
    return std::nullopt;
  }
  if (text.starts_with("group:")) {
    principal.kind = Principal::Kind::kGroup;
    text.remove_prefix(6);
  } else if (text.starts_with("flow:")) {
    principal.kind = Principal::Kind::kFlow;
    text.remove_prefix(5);
  }
  if (principal.kind == Principal::Kind::kFlow && allowed != PrincipalsAllowed::kPeopleAndFlows) {
    reader.report(node.at, what + " cannot be granted to a flow",
                  "name identities or group:NAME; flow:NAME is for update.by only");
    return std::nullopt;
  }
  auto name = ResourceName::parse(text);
  if (!name) {
    reader.report(node.at, what + ": " + name.error().message,
                  "write the name of an identity, or group:NAME");
    return std::nullopt;
  }
  principal.name = name->str();
  return principal;
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > 64) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(lower(word), lower(candidate));
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

Fields::Fields(ResourceReader& reader, const YamlNode& node, std::string what,
               std::initializer_list<std::string_view> known)
    : reader_(reader), node_(node), what_(std::move(what)) {
  if (!require_kind(reader_, node_, what_, YamlKind::kMapping)) return;
  const std::vector<std::string_view> names(known);
  for (std::size_t i = 0; i + 1 < node_.children.size(); i += 2) {
    const YamlNode& key = node_.children[i];
    if (std::ranges::find(names, key.text) != names.end()) continue;
    reader_.report(key.at, "unknown field `" + escape_for_message(key.text, 80) + "` in " + what_,
                   did_you_mean(key.text, names));
  }
}

const YamlNode* Fields::optional(std::string_view name) const { return node_.find(name); }

const YamlNode* Fields::required(std::string_view name) const {
  const YamlNode* value = node_.find(name);
  if (value == nullptr && is_mapping()) {
    reader_.report(node_.at, what_ + " lacks the field `" + std::string(name) + "`");
  }
  return value;
}

bool require_kind(ResourceReader& reader, const YamlNode& node, const std::string& what,
                  YamlKind kind) {
  if (node.kind == kind) return true;
  std::string fix;
  if (kind == YamlKind::kString && node.kind < YamlKind::kString && node.kind != YamlKind::kNull) {
    fix = "put it in quotes";
  }
  reader.report(node.at,
                what + " must be " + std::string(yaml_kind_name(kind)) + ", not " +
                    std::string(yaml_kind_name(node.kind)),
                std::move(fix));
  return false;
}

std::optional<std::string> read_line(ResourceReader& reader, const YamlNode& node,
                                     const std::string& what, std::size_t bytes_max) {
  if (!require_kind(reader, node, what, YamlKind::kString)) return std::nullopt;
  const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
  if (node.text.empty() || node.text.size() > bytes_max ||
      std::ranges::any_of(node.text, is_control)) {
    reader.report(node.at, what + " must be one line of 1 to " + std::to_string(bytes_max) +
                               " bytes without control characters");
    return std::nullopt;
  }
  return node.text;
}

std::optional<bool> read_boolean(ResourceReader& reader, const YamlNode& node,
                                 const std::string& what) {
  if (!require_kind(reader, node, what, YamlKind::kBoolean)) return std::nullopt;
  return node.text.front() == 't' || node.text.front() == 'T';
}

std::optional<unsigned> read_count(ResourceReader& reader, const YamlNode& node,
                                   const std::string& what, unsigned maximum) {
  unsigned value = 0;
  const char* const end = node.text.data() + node.text.size();
  const auto [read, error] = std::from_chars(node.text.data(), end, value);
  if (node.kind != YamlKind::kInteger || error != std::errc() || read != end || value > maximum) {
    reader.report(node.at, what + " must be a whole number from 0 to " + std::to_string(maximum));
    return std::nullopt;
  }
  return value;
}

std::optional<ResourceName> read_name(ResourceReader& reader, const YamlNode& node,
                                      const std::string& what) {
  return read_parsed(reader, node, what, ResourceName::parse);
}

std::optional<Timestamp> read_time(ResourceReader& reader, const YamlNode& node,
                                   const std::string& what) {
  return read_parsed(reader, node, what, Timestamp::parse);
}

std::optional<Milliseconds> read_duration(ResourceReader& reader, const YamlNode& node,
                                          const std::string& what) {
  return read_parsed(reader, node, what, parse_duration);
}

void report_unknown_word(ResourceReader& reader, const YamlNode& node, const std::string& what,
                         const std::vector<std::string_view>& known) {
  reader.report(node.at,
                what + " cannot be `" + escape_for_message(node.text, 80) + "`: it is one of " +
                    in_words(known),
                nearest(node.text, known).empty() ? std::string() : did_you_mean(node.text, known));
}

void require_items(ResourceReader& reader, const YamlNode& node, const std::string& what) {
  if (node.kind == YamlKind::kSequence && node.children.empty()) {
    reader.report(node.at, what + " must not be empty", "name at least one, or leave it out");
  }
}

Principals read_principals(ResourceReader& reader, const YamlNode& node, const std::string& what,
                           PrincipalsAllowed allowed) {
  return read_list(reader, node, what, [&](const YamlNode& item) {
    return read_principal(reader, item, what, allowed);
  });
}

std::vector<NamedAt> read_names(ResourceReader& reader, const YamlNode& node,
                                const std::string& what) {
  return read_list(reader, node, what, [&](const YamlNode& item) -> std::optional<NamedAt> {
    auto name = read_name(reader, item, what);
    if (!name) return std::nullopt;
    return NamedAt{*std::move(name), item.at};
  });
}

std::vector<Glob> read_globs(ResourceReader& reader, const YamlNode& node,
                             const std::string& what) {
  require_items(reader, node, what);
  return read_list(reader, node, what, [&](const YamlNode& item) {
    return read_parsed(reader, item, what, Glob::parse);
  });
}

}  // namespace statehouse
