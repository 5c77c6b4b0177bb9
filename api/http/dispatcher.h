#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "api/http/message.h"
#include "api/http/metrics.h"
#include "api/http/router.h"
#include "crypto/base/entropy.h"

namespace statehouse {

/// Decides who calls. Called on a worker for every routed request before its handler and before
/// its body is inflated; it may set `request.caller`. A response refuses the request (401 with
/// WWW-Authenticate, 403); nothing lets it through. Must refuse kAuthenticated without a caller.
using Gate = std::function<std::optional<HttpResponse>(HttpRequest& request, Access required)>;

/// Takes one line for the operator's log. Called from any thread; must not block for long.
using LogLine = std::function<void(std::string_view line)>;

/// From a complete request to its response: route, gate, inflate, handler.
///
/// Default deny: without a gate every route but the public ones answers 401. Errors become
/// problem+json. This is one of the two places in the product where exceptions are caught; the
/// client gets a 500 with a random id, and the log has the id and the cause. Threads: any.
class Dispatcher {
 public:
  /// What a dispatcher uses; everything outlives it. `gate` and `log` may be empty functions.
  struct Parts {
    const Router& router;
    const Gate& gate;
    const Entropy& entropy;
    const LogLine& log;
    HttpMetrics& metrics;
    const Path& temporary_directory;  ///< for inflated bodies that do not fit in memory
    BodyBudget* budget;
  };

  explicit Dispatcher(const Parts& parts) : parts_(parts) {}

  /// Never throws, never fails: a failure is a response.
  [[nodiscard]] HttpResponse dispatch(HttpRequest& request) const;

  /// Makes the answer of a parked response.
  [[nodiscard]] HttpResponse resume(const Parking& parking, WakeReason reason) const;

  /// Runs `action` so that an exception becomes an error (kInternal, logged with an id).
  Result<> guard(std::string_view doing, const std::function<Result<>()>& action) const;

 private:
  Result<HttpResponse> answer(HttpRequest& request) const;
  /// Who the cause of a failure of ours is told to, besides the log.
  enum class Audience { kLogOnly, kOperator };
  [[nodiscard]] HttpResponse problem_and_log(const Error& error, Audience audience) const;

  const Parts parts_;
};

}  // namespace statehouse
