#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/resource.h"
#include "policy/yaml.h"

// The vocabulary that the readers of each kind are written in. Private to policy/.
//
// Every function reports what is wrong and then goes on with nullopt or a default, so that one
// reading lists every problem of a file. What was read is only used when nothing was reported.

namespace statehouse {

/// Where the problems of one file are collected.
class ResourceReader {
 public:
  ResourceReader(std::string_view file, Diagnostics& problems) : file_(file), problems_(problems) {}

  void report(Position at, std::string message, std::string fix = {}) {
    problems_.push_back(Diagnostic{file_, at, std::move(message), std::move(fix)});
  }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  std::string file_;
  Diagnostics& problems_;
};

/// ", did you mean `update`?" material: the known word nearest to `word`, or empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

/// The fields of one mapping. Reports a node that is no mapping, and every unknown field.
class Fields {
 public:
  /// `what` names the mapping in messages ("spec.match").
  Fields(ResourceReader& reader, const YamlNode& node, std::string what,
         std::initializer_list<std::string_view> known);

  /// The field's value, or nullptr when it is absent.
  [[nodiscard]] const YamlNode* optional(std::string_view name) const;
  /// As `optional`; absence is reported.
  [[nodiscard]] const YamlNode* required(std::string_view name) const;

  /// "spec.match.refs", for messages about a field's value.
  [[nodiscard]] std::string path(std::string_view name) const {
    return what_ + "." + std::string(name);
  }
  [[nodiscard]] ResourceReader& reader() const { return reader_; }
  [[nodiscard]] Position at() const { return node_.at; }
  [[nodiscard]] bool is_mapping() const { return node_.kind == YamlKind::kMapping; }

 private:
  ResourceReader& reader_;
  const YamlNode& node_;
  std::string what_;
};

/// Whether `node` is of `kind`; reports "`what` must be … , not …" when it is not.
bool require_kind(ResourceReader& reader, const YamlNode& node, const std::string& what,
                  YamlKind kind);

/// One line of text of at most `bytes_max` bytes without control characters.
std::optional<std::string> read_line(ResourceReader& reader, const YamlNode& node,
                                     const std::string& what, std::size_t bytes_max);
std::optional<bool> read_boolean(ResourceReader& reader, const YamlNode& node,
                                 const std::string& what);
std::optional<unsigned> read_count(ResourceReader& reader, const YamlNode& node,
                                   const std::string& what, unsigned maximum);

/// Text that `parse` (a function from string_view to Result<T>) accepts.
template <typename Parse>
auto read_parsed(ResourceReader& reader, const YamlNode& node, const std::string& what, Parse parse)
    -> std::optional<typename decltype(parse(std::string_view()))::value_type> {
  if (!require_kind(reader, node, what, YamlKind::kString)) return std::nullopt;
  auto parsed = parse(std::string_view(node.text));
  if (!parsed) {
    reader.report(node.at, what + ": " + parsed.error().message, parsed.error().fix);
    return std::nullopt;
  }
  return *std::move(parsed);
}

std::optional<ResourceName> read_name(ResourceReader& reader, const YamlNode& node,
                                      const std::string& what);
std::optional<Timestamp> read_time(ResourceReader& reader, const YamlNode& node,
                                   const std::string& what);
std::optional<Milliseconds> read_duration(ResourceReader& reader, const YamlNode& node,
                                          const std::string& what);

/// One of a few words. `choices` pairs each word with its value.
template <typename T>
std::optional<T> read_choice(ResourceReader& reader, const YamlNode& node, const std::string& what,
                             const std::vector<std::pair<std::string_view, T>>& choices);

/// Reports that `word` is none of `known`.
void report_unknown_word(ResourceReader& reader, const YamlNode& node, const std::string& what,
                         const std::vector<std::string_view>& known);

template <typename T>
std::optional<T> read_choice(ResourceReader& reader, const YamlNode& node, const std::string& what,
                             const std::vector<std::pair<std::string_view, T>>& choices) {
  if (!require_kind(reader, node, what, YamlKind::kString)) return std::nullopt;
  std::vector<std::string_view> known;
  for (const auto& [word, value] : choices) {
    if (node.text == word) return value;
    known.push_back(word);
  }
  report_unknown_word(reader, node, what, known);
  return std::nullopt;
}

/// Calls `read_item` on every item of a list; keeps what it returned (an optional).
template <typename ReadItem>
auto read_list(ResourceReader& reader, const YamlNode& node, const std::string& what,
               ReadItem read_item) -> std::vector<typename decltype(read_item(node))::value_type> {
  std::vector<typename decltype(read_item(node))::value_type> items;
  if (!require_kind(reader, node, what, YamlKind::kSequence)) return items;
  for (const YamlNode& child : node.children) {
    if (auto item = read_item(child)) items.push_back(*std::move(item));
  }
  return items;
}

/// Reports an empty list where one without items would say nothing, or too much.
void require_items(ResourceReader& reader, const YamlNode& node, const std::string& what);

/// Which kinds of principal a list may hold besides identities and groups.
enum class PrincipalsAllowed : std::uint8_t { kPeople, kPeopleAndAnyone, kPeopleAndFlows };
Principals read_principals(ResourceReader& reader, const YamlNode& node, const std::string& what,
                           PrincipalsAllowed allowed);
std::vector<NamedAt> read_names(ResourceReader& reader, const YamlNode& node,
                                const std::string& what);
std::vector<Glob> read_globs(ResourceReader& reader, const YamlNode& node, const std::string& what);

// One reader per kind: the resource called `name` from its `spec`.
Identity read_identity(ResourceReader& reader, ResourceName name, const YamlNode& spec);
Policy read_policy(ResourceReader& reader, ResourceName name, const YamlNode& spec);
std::optional<Flow> read_flow(ResourceReader& reader, ResourceName name, const YamlNode& spec);
Group read_group(ResourceReader& reader, ResourceName name, const YamlNode& spec);
Repository read_repository(ResourceReader& reader, RepositoryName name, const YamlNode& spec);

}  // namespace statehouse
