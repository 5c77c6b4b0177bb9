#pragma once

#include <functional>

#include "cli/session.h"

namespace statehouse {

/// How long `--watch` and `promotion wait` wait before they ask again.
inline constexpr Milliseconds kPollInterval = std::chrono::seconds(2);

/// What `--watch` shows.
struct Watched {
  /// Asks the server. Lists go on changing; a document may come to its end.
  std::function<Result<Json>()> look;
  std::function<Result<>(const Json& document)> show;
  std::function<bool(const Json& document)> is_done = [](const Json&) { return false; };
};

enum class Watch { kOnce, kUntilDone };

/// Shows what there is; with kUntilDone again whenever it is not what it was, until it is done or
/// the process is told to stop. Errors: those of `look` and `show`, at any time.
Result<> show_watched(Session& session, Watch watch, const Watched& watched);

}  // namespace statehouse
