#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// Whether a child can use the terminal.
enum class TerminalAccess {
  kNone,    ///< leads a process group of its own, in the terminal's background
  kCallers  ///< stays in the caller's group, so that it may ask for a passphrase or a touch there
};

/// How to run a child process. There is no shell, ever: an argument vector goes to execve(2).
struct SubprocessOptions {
  std::vector<std::string> arguments;  ///< [0] is an absolute path or a name looked up in PATH
  std::vector<std::pair<std::string, std::string>>
      environment;  ///< all of it; nothing is inherited
  Path working_directory = "/";
  int stdin_fd = -1;   ///< borrowed; -1 means /dev/null, or `stdin_bytes` when set
  int stdout_fd = -1;  ///< borrowed; -1 means captured
  int stderr_fd = -1;  ///< borrowed; -1 means captured
  TerminalAccess terminal = TerminalAccess::kNone;
  std::optional<std::string> stdin_bytes;      ///< fed through a pipe; REQUIRES stdin_fd == -1
  std::uint64_t stdout_bytes_max = 64U << 20;  ///< captured output beyond it kills the child
  std::uint64_t memory_bytes_max = 0;          ///< RLIMIT_AS; 0 means no limit
  std::uint64_t file_bytes_max = 0;            ///< RLIMIT_FSIZE; 0 means no limit
  std::chrono::seconds cpu_max{0};             ///< RLIMIT_CPU; 0 means no limit
  std::chrono::milliseconds time_max{0};       ///< wall clock; then SIGKILL to its group; 0: none
};

struct SubprocessResult {
  int exit_code = -1;        ///< 0-255, or -1 when a signal ended it
  int signal = 0;            ///< the signal that ended it, or 0
  bool timed_out = false;    ///< `time_max` passed
  std::string stdout_bytes;  ///< captured standard output
  std::string stderr_bytes;  ///< the first 64 KiB of standard error

  [[nodiscard]] bool succeeded() const { return exit_code == 0 && signal == 0 && !timed_out; }
};

/// The one way to spawn a process. The child leads its own process group (unless it shares the
/// terminal: then only the child itself is ended with us), gets only descriptors 0, 1 and 2,
/// default signal handling, and dies with its parent (PR_SET_PDEATHSIG).
///
/// Blocks until the child has ended. `on_stdout`, when given, gets standard output as it arrives
/// instead of it being captured; returning an error kills the child and becomes the result.
/// Errors: kUnavailable (fork failed), kNotFound (no such program), kInternal.
/// A child that ran and failed is not an error: look at the result. Threads: any.
Result<SubprocessResult> run_subprocess(
    const SubprocessOptions& options,
    const std::function<Result<>(std::string_view)>& on_stdout = nullptr);

/// Only PATH, set to a fixed list of system folders; LC_ALL=C.UTF-8; TZ=UTC.
std::vector<std::pair<std::string, std::string>> minimal_environment();

}  // namespace statehouse
