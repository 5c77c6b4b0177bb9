#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/base/subprocess.h"

namespace statehouse {

/// One run of the `git` program on one of our bare repositories.
struct GitCommand {
  Path repository;                     ///< becomes GIT_DIR
  std::vector<std::string> arguments;  ///< after "git -c …"; ids and literals only, never user text
  std::vector<std::string> configuration;  ///< more "name=value" pairs for `-c`
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to the fixed set
  int stdin_fd = -1;
  std::optional<std::string> stdin_bytes;
  std::uint64_t stdout_bytes_max = 16U << 20;
  std::uint64_t memory_bytes_max = 2ULL << 30;
  std::uint64_t file_bytes_max = 0;
  std::chrono::seconds cpu_max{120};
  std::chrono::milliseconds time_max{std::chrono::minutes(10)};
};

/// The arguments and the whole environment of `command`, ready for run_subprocess.
///
/// Nothing is inherited: no system or user configuration, no HOME, no prompt, no hooks, no
/// automatic maintenance, no transport, no replacement objects, no lazy fetch. Names come from
/// minimal_environment() and this function alone. (performance-and-threats: CVE-2022-24765, -39253,
/// CVE-2024-39930, CVE-2026-3854.)
SubprocessOptions git_subprocess(const GitCommand& command);

/// Runs it. As run_subprocess: a git that ran and failed is not an error.
Result<SubprocessResult> run_git(
    const GitCommand& command,
    const std::function<Result<>(std::string_view)>& on_stdout = nullptr);

/// `doing: ` and the last line git printed to standard error, escaped; says so when a limit ended
/// it. For messages only; never parse it.
std::string describe_git_failure(std::string_view doing, const SubprocessResult& result);

/// Quotes a folder for GIT_ALTERNATE_OBJECT_DIRECTORIES, in which ":" separates (git(1)).
std::string quote_alternate(const Path& objects);

}  // namespace statehouse
