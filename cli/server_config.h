#pragma once

#include <optional>
#include <string>

#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// How `statehouse serve` runs: from its options and, below them, its configuration file.
struct ServerConfig {
  std::optional<std::string> listen;      ///< HOST:PORT
  std::optional<std::string> public_url;  ///< as clients see it: http(s)://HOST[:PORT][/PATH]
  std::optional<std::string> tls_certificate;
  std::optional<std::string> tls_key;
  std::optional<std::string> high_water;  ///< file, best on another filesystem than the data

  /// What is not set here is taken from `file`.
  void fill_from(const ServerConfig& file);
};

/// Reads the YAML file of --config: a mapping with `listen`, `publicUrl`, `tlsCert`, `tlsKey` and
/// `highWater`, all optional. Errors: kInvalidArgument with file, line and column.
Result<ServerConfig> read_server_config(const Path& file);

/// The configuration of the store in `data`: `given`, else DATA/config.yaml where there is one,
/// else nothing is set. Errors: as read_server_config.
Result<ServerConfig> server_config_for(const Path& data, const std::optional<Path>& given);

}  // namespace statehouse
