#pragma once

#include "api/http/request_assembler.h"
#include "api/http/router.h"

namespace statehouse {

/// What the router allows a request by its head alone. Requests without a body always pass: their
/// answer, also a refusal, is made on a worker and keeps the connection. With a body:
///   no such path or method, or a control route over TCP   404, 405
///   kAuthenticated, no Authorization, not the control socket   401, before any of the body is read
///   a Content-Encoding other than gzip or identity   415
/// Threads: any.
std::expected<Admission, HttpResponse> admit_request(const Router& router, const RequestHead& head);

/// 404 for a path that does not exist, 405 with Allow for one that has other methods.
HttpResponse no_route(const RouteMatch& match);

/// True when the route must look absent to this request.
bool is_hidden(const Route& route, const HttpRequest& request);

/// 401 that makes Git clients ask for credentials.
HttpResponse unauthorized();

}  // namespace statehouse
