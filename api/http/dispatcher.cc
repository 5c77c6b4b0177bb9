#include "api/http/dispatcher.h"

#include <exception>
#include <string>
#include <utility>

#include "api/http/admission.h"
#include "api/http/inflate.h"
#include "api/http/problem.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

/// Marks 500s whose cause is already in the log.
constexpr std::string_view kLogged = "incident ";

HttpResponse inflate_refusal(const InflateError& failure) {
  switch (failure.failure) {
    case InflateFailure::kMalformed:
      return problem(400, ErrorCode::kInvalidArgument, failure.error.message);
    case InflateFailure::kTooLarge:
      return problem(413, ErrorCode::kInvalidArgument, failure.error.message);
    case InflateFailure::kUnavailable:
      return problem(503, ErrorCode::kUnavailable, "inflating the body: not now");
  }
  STATEHOUSE_ASSERT(false);
}

/// Replaces a gzip body by its content. The answer to send when it cannot be.
std::optional<HttpResponse> inflate_body(HttpRequest& request, const Route& route,
                                         const Path& directory, BodyBudget* budget) {
  const auto coding = request.header("content-encoding");
  if (!coding || !*coding || request.body.empty()) return std::nullopt;
  if (equals_ignoring_case(**coding, "identity")) return std::nullopt;
  BodyCollector collector(directory, limits::kBodyMemoryBytesMax, budget);
  auto inflated =
      inflate_gzip(request.body, {route.body_bytes_max, limits::kInflateRatioMax}, collector);
  if (!inflated) return inflate_refusal(inflated.error());
  request.body = *std::move(inflated);
  request.body_share = collector.take_share();
  return std::nullopt;
}

/// Git shows the text of a refusal to its user, but not that of a problem document.
bool is_shown_by_git(const HttpRequest& request, const HttpResponse& response) {
  if (response.status() < 400 || response.status() >= 500) return false;
  if (response.header("content-type") != "application/problem+json") return false;
  const auto agent = request.header("user-agent");
  return agent && *agent && (*agent)->starts_with("git/") && request.path.ends_with("/info/refs");
}

}  // namespace

Result<> Dispatcher::guard(std::string_view doing, const std::function<Result<>()>& action) const {
  std::string cause = "an unknown exception";
  try {
    return action();
  } catch (const std::exception& exception) {
    cause = escape_for_message(exception.what());
  } catch (...) {
    // Named above.
  }
  const std::string id = hex_encode(parts_.entropy.bytes(8));
  ++parts_.metrics.handler_exceptions;
  if (parts_.log)
    parts_.log("error incident=" + id + " " + std::string(doing) + ": exception: " + cause);
  return internal_error(std::string(kLogged) + id);
}

HttpResponse Dispatcher::problem_and_log(const Error& error, Audience audience) const {
  if (http_status(error.code) != 500) return problem(error);
  std::string id;
  if (error.message.starts_with(kLogged)) {
    id = error.message.substr(kLogged.size());
  } else {
    id = hex_encode(parts_.entropy.bytes(8));
    if (parts_.log) parts_.log("error incident=" + id + " " + error.message);
  }
  // The host's operator could read the log anyway, and must know what to mend.
  const std::string detail = audience == Audience::kOperator && !error.message.starts_with(kLogged)
                                 ? error.message + " (incident " + id + ")"
                                 : "the server failed; its log says more under incident " + id;
  return problem(500, error.code, detail, audience == Audience::kOperator ? error.fix : "");
}

Result<HttpResponse> Dispatcher::answer(HttpRequest& request) const {
  RouteMatch match = parts_.router.find(request.method, request.path);
  if (match.route == nullptr) return no_route(match);
  if (is_hidden(*match.route, request)) return no_route({});
  request.path_parameters = std::move(match.parameters);
  request.route_pattern = match.route->pattern;
  if (parts_.gate) {
    if (auto refusal = parts_.gate(request, match.route->access)) return *std::move(refusal);
  } else if (match.route->access == Access::kAuthenticated) {
    return unauthorized();
  }
  if (auto refusal =
          inflate_body(request, *match.route, parts_.temporary_directory, parts_.budget)) {
    return *std::move(refusal);
  }
  return match.route->handler(request);
}

HttpResponse Dispatcher::dispatch(HttpRequest& request) const {
  std::optional<HttpResponse> response;
  const Result<> done = guard("answering a request", [&]() -> Result<> {
    response = TRY(answer(request));
    return {};
  });
  if (!done) {
    response = problem_and_log(
        done.error(), request.is_control_socket ? Audience::kOperator : Audience::kLogOnly);
  }
  return is_shown_by_git(request, *response) ? refusal_as_text(*response) : *std::move(response);
}

HttpResponse Dispatcher::resume(const Parking& parking, WakeReason reason) const {
  std::optional<HttpResponse> response;
  const Result<> done = guard("resuming a request", [&]() -> Result<> {
    response = TRY(parking.resume(reason));
    if (std::holds_alternative<std::shared_ptr<Parking>>(response->body())) {
      return internal_error("a resumed response parks again");
    }
    return {};
  });
  return done ? *std::move(response) : problem_and_log(done.error(), Audience::kLogOnly);
}

}  // namespace statehouse
