#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "policy/diagnostic.h"

namespace statehouse {

enum class YamlKind : std::uint8_t {
  kNull,
  kBoolean,
  kInteger,
  kFloat,
  kString,
  kSequence,
  kMapping,
};

/// "text", "a list"… as a message calls it.
std::string_view yaml_kind_name(YamlKind kind);

/// One node of a parsed document, with where it starts. A value that owns its children.
///
/// Scalars keep their text; plain ones are typed by the YAML 1.2 core schema (so `yes` is text and
/// a plain `0o17` is an integer), quoted and block ones are always text. `children` holds the items
/// of a sequence, or key, value, key, value… of a mapping in file order; keys are unique scalars.
struct YamlNode {
  std::string text;
  std::vector<YamlNode> children;
  Position at;
  YamlKind kind = YamlKind::kNull;

  /// The value of `key` in a mapping, or nullptr.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

/// Reads every document of one file. Empty documents are left out.
///
/// A strict subset of YAML 1.2, so that no two readers see two configurations: UTF-8 without a byte
/// order mark; no anchors, aliases, explicit tags or %TAG; no duplicate or non-scalar keys; at most
/// limits::kYamlFileBytesMax bytes, kYamlDepthMax levels and kYamlEventsMax events. Time is
/// linear in the input, memory at most 50 times it. Threads: any. Errors: one thing that is wrong,
/// with its place.
std::expected<std::vector<YamlNode>, Diagnostic> parse_yaml(std::string_view file,
                                                            std::string_view bytes);

/// The same data as JSON, for checking a document against its published schema. Integers beyond 64
/// bits become the nearest double.
nlohmann::json yaml_to_json(const YamlNode& node);

}  // namespace statehouse
