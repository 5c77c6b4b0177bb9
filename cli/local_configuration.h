#pragma once

#include <expected>
#include <vector>

#include "cli/session.h"
#include "policy/configuration.h"

namespace statehouse {

/// Reads every *.yaml and *.yml below `directory` (or that one file), with paths relative to it,
/// sorted. Hidden folders (".git") and symbolic links are left out.
/// Errors: kNotFound, kInvalidArgument (more or larger files than a configuration may have).
Result<std::vector<ConfigurationFile>> read_configuration_files(const Path& directory);

/// Configuration::build with the machine's gpg reading OpenPGP keys in a scratch directory. Prints
/// each problem or warning as `path:line:column: message` with its fix to stderr.
/// Errors: of making the scratch directory.
using CheckedConfiguration = std::expected<Configuration, Diagnostics>;
Result<CheckedConfiguration> check_configuration(const Session& session,
                                                 const std::vector<ConfigurationFile>& files);

/// kInvalidArgument with the number of problems, which were printed already.
Error not_valid(const Diagnostics& problems);

}  // namespace statehouse
