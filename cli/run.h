#pragma once

#include <string>
#include <vector>

#include "cli/environment.h"
#include "crypto/base/error.h"

namespace statehouse {

/// The exit code that scripts see: 2 bad input, 3 not found, 4 not verified, 5 denied, 6 conflict,
/// 7 unavailable or stale, 70 internal or corrupt.
int exit_code(ErrorCode code);

/// Runs one command line (without the program's name) and returns its exit code. On failure one
/// line `statehouse: doing: cause` goes to `environment.err`, then, if there is any, what to do
/// next; with `-o json`, `jsonl` or `yaml` a problem document stands in place of the result.
int run_cli(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace statehouse
