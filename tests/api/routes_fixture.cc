#include "tests/api/routes_fixture.h"

#include <algorithm>

#include "api/http/problem.h"

namespace statehouse::test {

namespace {

std::vector<std::pair<std::string, std::string>> query_in(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    text.remove_prefix(1);  // '?' or '&'
    const std::string_view item = text.substr(0, text.find('&'));
    const std::size_t equals = item.find('=');
    REQUIRE(equals != std::string_view::npos);
    query.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    text.remove_prefix(item.size());
  }
  return query;
}

}  // namespace

RouteAnswer RoutesFixture::ask(const AuthenticatedCaller& caller, Method method,
                               const std::string& path, const std::string& body,
                               const std::vector<HeaderField>& headers) {
  const std::size_t question = std::min(path.find('?'), path.size());
  HttpRequest request;
  request.method = method;
  request.path = path.substr(0, question);
  request.query = query_in(std::string_view(path).substr(question));
  RouteMatch match = application.router().find(method, request.path);
  REQUIRE(match.route != nullptr);
  request.body = RequestBody(body);
  request.caller = caller;
  request.path_parameters = std::move(match.parameters);
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  Result<HttpResponse> response = match.route->handler(request);
  if (!response) {
    return {http_status(response.error().code), nullptr, std::move(response).error(), ""};
  }
  RouteAnswer answer{response->status(), nullptr, std::nullopt,
                     std::string(response->header("ETag").value_or(""))};
  const auto* text = std::get_if<std::string>(&response->body());
  if (text == nullptr || text->empty()) return answer;
  if (auto json = parse_json(*text)) answer.body = *std::move(json);
  return answer;
}

}  // namespace statehouse::test
