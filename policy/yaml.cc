#include "policy/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <optional>
#include <tuple>

#include <nlohmann/json.hpp>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

/// Owns a libyaml parser, also when its initialisation failed.
class Parser {
 public:
  Parser() : usable_(yaml_parser_initialize(&parser_) != 0) {}
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  [[nodiscard]] bool usable() const { return usable_; }
  yaml_parser_t* get() { return &parser_; }

 private:
  yaml_parser_t parser_{};
  bool usable_;
};

/// Owns one event; yaml_event_delete accepts the zeroed one of a failed parse.
class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  yaml_event_t* get() { return &event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_of_nonempty(std::string_view text, bool (*predicate)(char)) {
  return !text.empty() && std::ranges::all_of(text, predicate);
}

/// [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ (YAML 1.2.2, section 10.3.2).
bool is_core_integer(std::string_view text) {
  if (text.starts_with("0o")) {
    return all_of_nonempty(text.substr(2), [](char c) { return c >= '0' && c <= '7'; });
  }
  if (text.starts_with("0x")) {
    return all_of_nonempty(text.substr(2), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
  }
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return all_of_nonempty(text, is_digit);
}

/// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?, or an infinity or not-a-number.
bool is_core_float(std::string_view text) {
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return true;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF") return true;
  const auto digits = [&text] {
    const std::size_t count =
        static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
    text.remove_prefix(count);
    return count;
  };
  std::size_t mantissa = digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    mantissa += digits();
  }
  if (mantissa == 0) return false;
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return all_of_nonempty(text, is_digit);
}

YamlKind kind_of_plain(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return YamlKind::kNull;
  }
  for (const std::string_view word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == word) return YamlKind::kBoolean;
  }
  if (is_core_integer(text)) return YamlKind::kInteger;
  if (is_core_float(text)) return YamlKind::kFloat;
  return YamlKind::kString;
}

Position position_of(const yaml_mark_t& mark) {
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

Diagnostic problem(Position at, std::string message, std::string fix = {}) {
  return Diagnostic{{}, at, std::move(message), std::move(fix)};
}

std::optional<Diagnostic> refuse_properties(Position at, const yaml_char_t* anchor,
                                            const yaml_char_t* tag) {
  if (anchor != nullptr) {
    return problem(at, "anchors and aliases are not allowed",
                   "write the value out; put text that starts with & or * in quotes");
  }
  if (tag != nullptr) {
    return problem(at, "tags are not allowed",
                   "leave the tag out; put text that starts with ! in quotes");
  }
  return std::nullopt;
}

std::optional<Diagnostic> refuse_directives(const Event& event) {
  const auto& start = event->data.document_start;
  const bool other_version =
      start.version_directive != nullptr &&
      (start.version_directive->major != 1 || start.version_directive->minor != 2);
  if (other_version || start.tag_directives.start != start.tag_directives.end) {
    return problem(position_of(event->start_mark),
                   "directives other than %YAML 1.2 are not allowed",
                   "leave the line that starts with % out");
  }
  return std::nullopt;
}

/// The first of two passes: refuses what the subset does not have and what is too much, and counts
/// the children of every collection, so that the second allocates each list once, exactly. (A list
/// that grows by doubling needs up to three times its size, and a node is 36 times its two bytes.)
class Survey {
 public:
  std::optional<Diagnostic> take(const Event& event);
  /// Children per collection, in the order in which collections start.
  std::vector<std::uint32_t> counts() && { return std::move(counts_); }

 private:
  std::optional<Diagnostic> begin(Position at);
  void count_child() {
    if (!open_.empty()) ++counts_[open_.back()];
  }

  std::vector<std::uint32_t> counts_;
  std::vector<std::size_t> open_;  // indices into counts_
  std::size_t events_ = 0;
};

std::optional<Diagnostic> Survey::begin(Position at) {
  if (open_.size() >= limits::kYamlDepthMax) {
    return problem(at,
                   "is nested deeper than " + std::to_string(limits::kYamlDepthMax) + " levels");
  }
  count_child();
  open_.push_back(counts_.size());
  counts_.push_back(0);
  return std::nullopt;
}

std::optional<Diagnostic> Survey::take(const Event& event) {
  const Position at = position_of(event->start_mark);
  if (++events_ > limits::kYamlEventsMax) {
    return problem(at, "has more than " + std::to_string(limits::kYamlEventsMax) + " parts",
                   "split it into several files");
  }
  std::optional<Diagnostic> refused;
  switch (event->type) {
    case YAML_ALIAS_EVENT:
      return problem(at, "anchors and aliases are not allowed",
                     "write the value out; put text that starts with & or * in quotes");
    case YAML_SCALAR_EVENT:
      count_child();
      return refuse_properties(at, event->data.scalar.anchor, event->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
      refused =
          refuse_properties(at, event->data.sequence_start.anchor, event->data.sequence_start.tag);
      return refused ? refused : begin(at);
    case YAML_MAPPING_START_EVENT:
      refused =
          refuse_properties(at, event->data.mapping_start.anchor, event->data.mapping_start.tag);
      return refused ? refused : begin(at);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      open_.pop_back();
      return std::nullopt;
    case YAML_DOCUMENT_START_EVENT:
      return refuse_directives(event);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
      return std::nullopt;
  }
  return std::nullopt;
}

/// Reports the second of two equal keys.
std::optional<Diagnostic> refuse_duplicate_keys(const YamlNode& mapping) {
  std::vector<const YamlNode*> keys;
  keys.reserve(mapping.children.size() / 2);
  for (std::size_t i = 0; i < mapping.children.size(); i += 2) keys.push_back(&mapping.children[i]);
  std::ranges::sort(keys, {}, [](const YamlNode* key) { return std::tie(key->text, key->at); });
  const auto same_text = [](const YamlNode* a, const YamlNode* b) { return a->text == b->text; };
  const auto twice = std::ranges::adjacent_find(keys, same_text);
  if (twice == keys.end()) return std::nullopt;
  const YamlNode& second = **std::next(twice);
  return problem(second.at, "field `" + escape_for_message(second.text, 80) + "` is given twice",
                 "keep one of them");
}

/// The second pass: turns events into nodes. Keeps the path of open collections itself, so that
/// depth costs no stack. REQUIRES: the same events went through a Survey, which gave `counts`.
class TreeBuilder {
 public:
  explicit TreeBuilder(std::vector<std::uint32_t> counts) : counts_(std::move(counts)) {}

  std::optional<Diagnostic> take(const Event& event);
  std::vector<YamlNode> documents() && { return std::move(documents_); }

 private:
  std::optional<Diagnostic> begin(Position at, YamlKind kind);
  std::optional<Diagnostic> end();
  void add_scalar(const Event& event);
  void add(YamlNode node);

  std::vector<std::uint32_t> counts_;
  std::size_t begun_ = 0;
  std::vector<YamlNode> open_;
  std::vector<YamlNode> documents_;
};

std::optional<Diagnostic> TreeBuilder::take(const Event& event) {
  switch (event->type) {
    case YAML_SCALAR_EVENT:
      add_scalar(event);
      return std::nullopt;
    case YAML_SEQUENCE_START_EVENT:
      return begin(position_of(event->start_mark), YamlKind::kSequence);
    case YAML_MAPPING_START_EVENT:
      return begin(position_of(event->start_mark), YamlKind::kMapping);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      return end();
    case YAML_ALIAS_EVENT:
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Diagnostic> TreeBuilder::begin(Position at, YamlKind kind) {
  if (!open_.empty() && open_.back().kind == YamlKind::kMapping &&
      open_.back().children.size() % 2 == 0) {
    return problem(at, "a field name must be text");
  }
  YamlNode node;
  node.kind = kind;
  node.at = at;
  node.children.reserve(counts_[begun_++]);
  open_.push_back(std::move(node));
  return std::nullopt;
}

std::optional<Diagnostic> TreeBuilder::end() {
  YamlNode node = std::move(open_.back());
  open_.pop_back();
  if (node.kind == YamlKind::kMapping) {
    if (auto refused = refuse_duplicate_keys(node)) return refused;
  }
  add(std::move(node));
  return std::nullopt;
}

void TreeBuilder::add_scalar(const Event& event) {
  const auto& scalar = event->data.scalar;
  YamlNode node;
  node.at = position_of(event->start_mark);
  node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
  node.kind =
      scalar.style == YAML_PLAIN_SCALAR_STYLE ? kind_of_plain(node.text) : YamlKind::kString;
  add(std::move(node));
}

void TreeBuilder::add(YamlNode node) {
  if (!open_.empty()) {
    open_.back().children.push_back(std::move(node));
  } else if (node.kind != YamlKind::kNull) {
    documents_.push_back(std::move(node));
  }
}

std::optional<Diagnostic> refuse_bytes(std::string_view bytes) {
  if (bytes.size() > limits::kYamlFileBytesMax) {
    return problem({}, "is larger than " + std::to_string(limits::kYamlFileBytesMax) + " bytes",
                   "split it into several files");
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) return problem({1, 1}, "has a byte order mark");
  if (!is_valid_utf8(bytes)) return problem({}, "is not UTF-8 text");
  return std::nullopt;
}

Diagnostic syntax_problem(const yaml_parser_t& parser) {
  const Position at = parser.problem_mark.line + parser.problem_mark.column > 0
                          ? position_of(parser.problem_mark)
                          : Position{1, 1};
  std::string message = "is not YAML: ";
  message += parser.problem != nullptr ? parser.problem : "cannot be read";
  if (parser.context != nullptr) message += std::string(" ") + parser.context;
  return problem(at, escape_for_message(message));
}

/// Gives every event of `bytes` to `taker`, until it refuses one.
template <typename Taker>
std::optional<Diagnostic> for_each_event(std::string_view bytes, Taker& taker) {
  Parser parser;
  if (!parser.usable()) return problem({}, "cannot be read: out of memory");
  yaml_parser_set_encoding(parser.get(), YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(parser.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                               bytes.size());
  while (true) {
    Event event;
    if (yaml_parser_parse(parser.get(), event.get()) == 0) return syntax_problem(*parser.get());
    if (auto refused = taker.take(event)) return refused;
    if (event->type == YAML_STREAM_END_EVENT) return std::nullopt;
  }
}

/// A number that JSON can hold: exactly for 64-bit integers, else the nearest double.
nlohmann::json number_to_json(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 10;
  if (base != 10) text.remove_prefix(2);
  const char* const begin = text.begin();
  const char* const end = text.end();
  std::int64_t integer = 0;
  const auto [integer_end, integer_error] = std::from_chars(begin, end, integer, base);
  if (integer_error == std::errc() && integer_end == end) return negative ? -integer : integer;
  double number = 0;
  const auto [number_end, number_error] = std::from_chars(begin, end, number);
  if (number_error != std::errc()) number = std::numeric_limits<double>::max();
  return negative ? -number : number;
}

nlohmann::json scalar_to_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlKind::kNull:
      return nullptr;
    case YamlKind::kBoolean:
      return node.text.front() == 't' || node.text.front() == 'T';
    case YamlKind::kInteger:
    case YamlKind::kFloat:
      return number_to_json(node.text);
    case YamlKind::kString:
    case YamlKind::kSequence:
    case YamlKind::kMapping:
      return node.text;
  }
  return nullptr;
}

}  // namespace

std::string_view yaml_kind_name(YamlKind kind) {
  switch (kind) {
    case YamlKind::kNull:
      return "nothing";
    case YamlKind::kBoolean:
      return "true or false";
    case YamlKind::kInteger:
    case YamlKind::kFloat:
      return "a number";
    case YamlKind::kString:
      return "text";
    case YamlKind::kSequence:
      return "a list";
    case YamlKind::kMapping:
      return "fields";
  }
  return "";
}

const YamlNode* YamlNode::find(std::string_view key) const {
  if (kind != YamlKind::kMapping) return nullptr;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    if (children[i].text == key) return &children[i + 1];
  }
  return nullptr;
}

std::expected<std::vector<YamlNode>, Diagnostic> parse_yaml(std::string_view file,
                                                            std::string_view bytes) {
  const auto refusal = [&](Diagnostic diagnostic) {
    diagnostic.file = std::string(file);
    return std::unexpected(std::move(diagnostic));
  };
  if (auto refused = refuse_bytes(bytes)) return refusal(*std::move(refused));
  Survey survey;
  if (auto refused = for_each_event(bytes, survey)) return refusal(*std::move(refused));
  TreeBuilder builder(std::move(survey).counts());
  if (auto refused = for_each_event(bytes, builder)) return refusal(*std::move(refused));
  return std::move(builder).documents();
}

nlohmann::json yaml_to_json(const YamlNode& node) {
  if (node.kind == YamlKind::kSequence) {
    nlohmann::json list = nlohmann::json::array();
    for (const YamlNode& item : node.children) list.push_back(yaml_to_json(item));
    return list;
  }
  if (node.kind == YamlKind::kMapping) {
    nlohmann::json object = nlohmann::json::object();
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      object[node.children[i].text] = yaml_to_json(node.children[i + 1]);
    }
    return object;
  }
  return scalar_to_json(node);
}

}  // namespace statehouse
