#include "policy/yaml.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "crypto/base/limits.h"

namespace statehouse {

namespace {

std::string as_json(std::string_view bytes) {
  const auto documents = parse_yaml("f.yaml", bytes);
  if (!documents) return documents.error().text();
  nlohmann::json list = nlohmann::json::array();
  for (const YamlNode& document : *documents) list.push_back(yaml_to_json(document));
  return list.dump();
}

std::string problem_of(std::string_view bytes) {
  const auto documents = parse_yaml("f.yaml", bytes);
  return documents ? "" : documents.error().text();
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("what another reader could read otherwise is refused, with its place") {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"a: &x 1\n", "f.yaml:1:4: anchors and aliases are not allowed"},
      {"a: *x\n", "f.yaml:1:4: anchors and aliases are not allowed"},
      {"&x a: 1\n", "f.yaml:1:1: anchors and aliases are not allowed"},
      {"a: &x [1]\n", "f.yaml:1:4: anchors and aliases are not allowed"},
      {"a: &x {b: 1}\n", "f.yaml:1:4: anchors and aliases are not allowed"},
      {"a: !!str 1\n", "f.yaml:1:4: tags are not allowed"},
      {"a: ! 1\n", "f.yaml:1:4: tags are not allowed"},
      {"a: !x [1]\n", "f.yaml:1:4: tags are not allowed"},
      {"%TAG ! tag:x,2000:\n---\na: 1\n", "directives other than"},
      {"%YAML 1.1\n---\na: 1\n", "directives other than"},
      {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: field `a` is given twice"},
      {"a: 1\n\"a\": 2\n", "f.yaml:2:1: field `a` is given twice"},
      {"x: {b: 1, b: 1}\n", "f.yaml:1:11: field `b` is given twice"},
      {"[a]: 1\n", "f.yaml:1:1: a field name must be text"},
      {"{a: 1}: 1\n", "f.yaml:1:1: a field name must be text"},
      {"a: [1\n", "is not YAML"},
      {"a: b: c\n", "is not YAML"},
      {"\ta: 1\n", "is not YAML"},
      {"a: \"\\q\"\n", "is not YAML"},
      {"a: \x01\n", "is not YAML"},
      {"\xEF\xBB\xBF"
       "a: 1\n",
       "byte order mark"},
      {"a: \xC3\x28\n", "is not UTF-8"},
      {"a: \xED\xA0\x80\n", "is not UTF-8"},
  };
  for (const auto& [bytes, problem] : table) {
    CAPTURE(bytes);
    CHECK(problem_of(bytes).find(problem) != std::string::npos);
  }
}

TEST_CASE("every bound is a refusal, one beyond it") {
  CHECK(problem_of(nested(limits::kYamlDepthMax)).empty());
  CHECK(problem_of(nested(limits::kYamlDepthMax + 1)).find("nested deeper") != std::string::npos);
  CHECK(problem_of(nested(400'000)).find("nested deeper") != std::string::npos);
  CHECK(problem_of(std::string(limits::kYamlFileBytesMax + 1, '\n')).find("larger than") !=
        std::string::npos);
  std::string many = "[";
  for (std::size_t i = 0; i < limits::kYamlEventsMax; ++i) many += "a,";
  CHECK(problem_of(many + "]").find("parts") != std::string::npos);
}

TEST_CASE("an alias bomb is refused at its first anchor") {
  std::string bomb = "a: &a [lol, lol, lol]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string before = "*" + std::string(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [" + before + "," + before + "," + before + "]\n";
  }
  CHECK(problem_of(bomb).find("f.yaml:1:4: anchors") != std::string::npos);
}

TEST_CASE("the lists of a tree are allocated exactly, so memory is 36 bytes for a byte at most") {
  CHECK(sizeof(YamlNode) <= 72);
  for (const std::string_view bytes : {"[a,a,a,a,a]", "{a,b,c,d,e}", "[[a,a,a],[],{a: [b,b,b]}]"}) {
    const auto documents = parse_yaml("f.yaml", bytes);
    REQUIRE(documents.has_value());
    std::vector<const YamlNode*> open{&documents->front()};
    while (!open.empty()) {
      const YamlNode* const node = open.back();
      open.pop_back();
      CHECK(node->children.capacity() == node->children.size());
      for (const YamlNode& child : node->children) open.push_back(&child);
    }
  }
}

TEST_CASE("plain scalars are typed by the core schema of YAML 1.2") {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"true", "true"},
      {"False", "false"},
      {"yes", "\"yes\""},
      {"on", "\"on\""},
      {"tRue", "\"tRue\""},
      {"12", "12"},
      {"-3", "-3"},
      {"+7", "7"},
      {"0o17", "15"},
      {"0x1F", "31"},
      {"017", "17"},
      {"1_000", "\"1_000\""},
      {"0b1", "\"0b1\""},
      {"1.5", "1.5"},
      {"1e3", "1000.0"},
      {"1.2.3", "\"1.2.3\""},
      {"\"12\"", "\"12\""},
      {"'true'", "\"true\""},
      {"2026-01-01", "\"2026-01-01\""},
      {"12:30", "\"12:30\""},
      {"7d", "\"7d\""},
      {"=", "\"=\""},
      {"<<", "\"<<\""},
      {".5", "0.5"},
      {"e5", "\"e5\""},
  };
  for (const auto& [scalar, json] : table) {
    CAPTURE(scalar);
    CHECK(as_json("[" + std::string(scalar) + "]") == "[[" + std::string(json) + "]]");
  }
  CHECK(as_json("a:\nb: ~\nc: null\n") == R"([{"a":null,"b":null,"c":null}])");
}

TEST_CASE("several documents are read, empty ones left out") {
  CHECK(as_json("") == "[]");
  CHECK(as_json("# nothing\n") == "[]");
  CHECK(as_json("---\n---\na: 1\n...\n---\nb: [x, {y: z}]\n") ==
        R"([{"a":1},{"b":["x",{"y":"z"}]}])");
  CHECK(as_json("%YAML 1.2\n---\na: |\n  x\n  y\n") == R"([{"a":"x\ny\n"}])");
}

TEST_CASE("every node knows where it starts") {
  const auto documents = parse_yaml("f.yaml", "a:\n  - x\n  - {b: c}\n");
  REQUIRE(documents.has_value());
  const YamlNode* const list = documents->front().find("a");
  REQUIRE(list != nullptr);
  CHECK(list->children[0].at == Position{2, 5});
  CHECK(list->children[1].find("b")->at == Position{3, 9});
  CHECK(documents->front().find("b") == nullptr);
}

}  // namespace statehouse
