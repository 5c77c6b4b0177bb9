#include "tests/api/routes_fixture.h"

#include "api/http/problem.h"

namespace statehouse::test {

RouteAnswer RoutesFixture::ask(const AuthenticatedCaller& caller, Method method,
                               const std::string& path, const std::string& body,
                               const std::vector<HeaderField>& headers) {
  RouteMatch match = application.router().find(method, path);
  REQUIRE(match.route != nullptr);
  HttpRequest request;
  request.method = method;
  request.path = path;
  request.body = RequestBody(body);
  request.caller = caller;
  request.path_parameters = std::move(match.parameters);
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  Result<HttpResponse> response = match.route->handler(request);
  if (!response) {
    return {http_status(response.error().code), nullptr, std::move(response).error()};
  }
  RouteAnswer answer{response->status(), nullptr, std::nullopt};
  const auto* text = std::get_if<std::string>(&response->body());
  if (text == nullptr || text->empty()) return answer;
  if (auto json = parse_json(*text)) answer.body = *std::move(json);
  return answer;
}

}  // namespace statehouse::test
