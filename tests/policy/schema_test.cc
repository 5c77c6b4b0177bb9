#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "policy/resource.h"
#include "policy/yaml.h"

namespace statehouse {

namespace {

using Adapter = valijson::adapters::NlohmannJsonAdapter;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream stream(path);
  REQUIRE_MESSAGE(stream.good(), path.string());
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::filesystem::path resources() {
  return std::filesystem::path(STATEHOUSE_SCHEMAS) / "resources";
}

std::vector<std::filesystem::path> examples(std::string_view folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(resources() / "examples" / folder)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

/// "identity" for identity-robot.yaml.
std::string kind_of(const std::filesystem::path& example) {
  const std::string stem = example.stem().string();
  return stem.substr(0, stem.find('-'));
}

bool schema_accepts(const std::string& kind, const std::string& yaml) {
  const nlohmann::json document =
      nlohmann::json::parse(slurp(resources() / (kind + ".schema.json")));
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(Adapter(document), schema);
  const auto parsed = parse_yaml("example.yaml", yaml);
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->size() == 1);
  const nlohmann::json instance = yaml_to_json(parsed->front());
  return valijson::Validator(valijson::Validator::kStrongTypes)
      .validate(schema, Adapter(instance), nullptr);
}

}  // namespace

TEST_CASE("an invalid example is refused by the reader and by the published schema") {
  const auto paths = examples("invalid");
  CHECK(paths.size() > examples("valid").size());
  for (const auto& path : paths) {
    CAPTURE(path.filename().string());
    const std::string yaml = slurp(path);
    CHECK_FALSE(read_resources("example.yaml", yaml).has_value());
    CHECK_FALSE(schema_accepts(kind_of(path), yaml));
  }
}

TEST_CASE("a valid example is accepted by the reader and by the published schema") {
  for (const auto& path : examples("valid")) {
    CAPTURE(path.filename().string());
    const std::string yaml = slurp(path);
    const auto read = read_resources("example.yaml", yaml);
    CHECK_MESSAGE(read.has_value(), (read ? "" : read.error().front().text()));
    CHECK(schema_accepts(kind_of(path), yaml));
  }
}

}  // namespace statehouse
