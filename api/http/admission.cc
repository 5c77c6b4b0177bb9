#include "api/http/admission.h"

#include "api/http/problem.h"

namespace statehouse {

HttpResponse no_route(const RouteMatch& match) {
  if (match.allowed.empty()) {
    return problem(404, ErrorCode::kNotFound, "routing the request: nothing is at this path");
  }
  HttpResponse response =
      problem(405, ErrorCode::kInvalidArgument, "routing the request: not with this method");
  std::string allow;
  for (const Method method : match.allowed) {
    if (!allow.empty()) allow += ", ";
    allow += method_name(method);
  }
  STATEHOUSE_ASSERT(response.set_header("Allow", allow).has_value());
  return response;
}

bool is_hidden(const Route& route, const HttpRequest& request) {
  return route.access == Access::kControl && !request.is_control_socket;
}

HttpResponse unauthorized() {
  HttpResponse response = problem(401, ErrorCode::kDenied, "authenticating: credentials are needed",
                                  "send a token as password (Basic) or as Bearer");
  STATEHOUSE_ASSERT(
      response.set_header("WWW-Authenticate", "Basic realm=\"statehouse\", charset=\"UTF-8\"")
          .has_value());
  return response;
}

std::expected<Admission, HttpResponse> admit_request(const Router& router,
                                                     const RequestHead& head) {
  const HttpRequest& request = head.request;
  const RouteMatch match = router.find(request.method, request.path);
  if (!head.has_body()) return Admission{0, match.route ? match.route->lane : Lane::kQuick};
  if (match.route == nullptr) return std::unexpected(no_route(match));
  if (is_hidden(*match.route, request)) return std::unexpected(no_route({}));
  if (match.route->access == Access::kAuthenticated && !request.is_control_socket &&
      request.headers.count("authorization") == 0) {
    return std::unexpected(unauthorized());
  }
  const auto coding = request.header("content-encoding");
  STATEHOUSE_ASSERT(coding.has_value());  // duplicates were refused with the head
  if (*coding && !equals_ignoring_case(**coding, "gzip") &&
      !equals_ignoring_case(**coding, "x-gzip") && !equals_ignoring_case(**coding, "identity")) {
    return std::unexpected(problem(415, ErrorCode::kInvalidArgument,
                                   "reading the request: only gzip bodies are understood"));
  }
  return Admission{match.route->body_bytes_max, match.route->lane};
}

}  // namespace statehouse
