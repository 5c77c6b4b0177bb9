#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

#include "cli/api_transport.h"
#include "crypto/base/clock.h"
#include "crypto/base/durable_step.h"
#include "crypto/base/entropy.h"
#include "crypto/base/file.h"

namespace statehouse {

/// Whether a stream ends at a person's terminal.
enum class StreamKind { kTerminal, kPipe };

/// Everything a command takes from the outside, so that a test can pass its own.
///
/// `main` fills one in from the process; nothing below `run_cli` reads a global. Holds references:
/// what they name must outlive it. Threads: one.
struct Environment {
  const Clock& clock;
  const Entropy& entropy;
  DurableSteps& steps;

  std::istream& in;
  std::ostream& out;  ///< results only
  std::ostream& err;  ///< the error line, questions, progress
  StreamKind in_kind = StreamKind::kPipe;
  StreamKind out_kind = StreamKind::kPipe;
  StreamKind err_kind = StreamKind::kPipe;

  std::map<std::string, std::string, std::less<>> variables;  ///< the process environment
  Path working_directory = "/";

  /// Answers a REST request inside this process, under the lock of the data directory, for
  /// `--data DIR` while no server runs. Empty: such commands fail with kUnavailable.
  std::function<Result<ApiResponse>(const Path& data, const ApiRequest& request)> run_local_request;

  /// Lets `duration` pass; false when the process was asked to stop meanwhile (SIGTERM, SIGINT), or
  /// before, where stops are held.
  std::function<bool(Milliseconds duration)> wait;

  /// From here on the first stop does not end the process: `is_stopping` and `wait` tell of it. The
  /// second one does.
  std::function<void()> hold_stops = [] {};
  std::function<bool()> is_stopping = [] { return false; };

  /// The value of an environment variable, or "" when it is not set.
  [[nodiscard]] std::string variable(std::string_view name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  }
};

}  // namespace statehouse
