#include "cli/server_config.h"

#include <array>
#include <utility>

#include "cli/server_url.h"
#include "crypto/base/encoding.h"
#include "policy/yaml.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kConfigBytesMax = 64U << 10;

using Field = std::optional<std::string> ServerConfig::*;

constexpr std::array kFields = std::to_array<std::pair<std::string_view, Field>>({
    {"listen", &ServerConfig::listen},
    {"publicUrl", &ServerConfig::public_url},
    {"tlsCert", &ServerConfig::tls_certificate},
    {"tlsKey", &ServerConfig::tls_key},
    {"highWater", &ServerConfig::high_water},
});

std::unexpected<Error> wrong(const Path& file, Position at, std::string message,
                             std::string fix = {}) {
  return invalid_argument(Diagnostic{file.string(), at, std::move(message), ""}.text(),
                          std::move(fix));
}

Result<> read_field(const Path& file, const YamlNode& key, const YamlNode& value,
                    ServerConfig& config) {
  for (const auto& [name, field] : kFields) {
    if (key.text != name) continue;
    if (value.kind != YamlKind::kString) return wrong(file, value.at, "a text is needed here");
    config.*field = value.text;
    if (field != Field(&ServerConfig::public_url)) return {};
    const auto usable = require_public_url(value.text);
    if (usable) return {};
    return wrong(file, value.at, "publicUrl: " + usable.error().message, usable.error().fix);
  }
  return wrong(file, key.at, "unknown setting `" + escape_for_message(key.text, 60) + "`");
}

}  // namespace

void ServerConfig::fill_from(const ServerConfig& file) {
  for (const auto& [name, field] : kFields) {
    if (!(this->*field)) this->*field = file.*field;
  }
}

Result<ServerConfig> read_server_config(const Path& file) {
  auto bytes = read_file(file, kConfigBytesMax);
  if (!bytes) {
    Error error = std::move(bytes).error().with_context("reading the configuration " +
                                                        escape_for_message(file.string()));
    if (error.fix.empty()) error.fix = "name a YAML file that this user may read: --config FILE";
    return std::unexpected(std::move(error));
  }
  const auto documents = parse_yaml(file.string(), *bytes);
  if (!documents) return invalid_argument(documents.error().text());
  ServerConfig config;
  if (documents->empty()) return config;
  const YamlNode& root = documents->front();
  if (documents->size() > 1 || root.kind != YamlKind::kMapping) {
    return wrong(file, root.at, "one mapping is needed");
  }
  for (std::size_t i = 0; i + 1 < root.children.size(); i += 2) {
    TRY(read_field(file, root.children[i], root.children[i + 1], config));
  }
  return config;
}

Result<ServerConfig> server_config_for(const Path& data, const std::optional<Path>& given) {
  if (given) return read_server_config(*given);
  const Path usual = data / "config.yaml";
  std::error_code error;
  if (!std::filesystem::exists(usual, error)) return ServerConfig();
  return read_server_config(usual);
}

}  // namespace statehouse
