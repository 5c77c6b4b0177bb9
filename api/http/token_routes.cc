#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/http/idempotency.h"
#include "api/http/rest_json.h"
#include "crypto/base/limits.h"

// Access tokens.

namespace statehouse {

namespace {

Result<HttpResponse> create_token(Application& application, HttpRequest& request) {
  const Json body = TRY(read_json_body(request, {"identity", "expires", "scope", "repository"}));
  const std::string name = TRY(json_string(body, "identity"));
  const ResourceName identity = TRY(ResourceName::parse(name));
  TokenRequest wanted{.identity = identity};
  const auto expires = TRY(optional_string(body, "expires"));
  if (expires) wanted.expires_in = TRY(parse_duration(*expires));
  const auto scope = TRY(optional_string(body, "scope"));
  if (scope) wanted.scope = TRY(parse_token_scope(*scope));
  const auto repository = TRY(optional_string(body, "repository"));
  if (repository) wanted.repositories = TRY(Glob::parse(*repository));
  const NewToken token = TRY(application.store().tokens().create(caller_of(request), wanted));
  Json json = token_json(token.record);
  json["token"] = token.text;
  HttpResponse response = TRY(json_response(request, json, 201));
  TRY(response.set_header("Cache-Control", "no-store"));
  TRY(response.set_header("Content-Location", "/v1/tokens/" + token.record.id));
  return response;
}

Result<HttpResponse> list_tokens(Application& application, HttpRequest& request) {
  const ListWindow window = TRY(window_parameter(request));
  const auto tokens = TRY(application.store().tokens().list(caller_of(request)));
  Json list = Json::array();
  for (std::size_t i = window.first; i < tokens.size() && i < window.end(); ++i) {
    list.push_back(token_json(tokens[i]));
  }
  std::optional<std::uint64_t> next;
  if (tokens.size() > window.end()) next = window.end();
  return json_response(request, {{"tokens", std::move(list)}, {"next", cursor_json(next)}});
}

Result<HttpResponse> revoke_token(Application& application, HttpRequest& request) {
  const std::string& id = request.path_parameter("id");
  // What is no id may be a secret: it is not repeated.
  if (!id.starts_with("tok_")) {
    return invalid_argument("revoking a token: an id begins with tok_, this does not",
                            "find the id in the list of tokens");
  }
  TRY(application.store().tokens().revoke(caller_of(request), id));
  return json_response(request, {{"id", id}, {"revoked", true}});
}

}  // namespace

void add_token_routes(Application& application) {
  const auto add = [&](Method method, const char* pattern, std::uint64_t body_bytes_max,
                       Handler handler) {
    application.add(method, pattern, Access::kAuthenticated, Lane::kLong, body_bytes_max,
                    std::move(handler));
  };
  const auto bound = [&](auto handler) {
    return [&application, handler](HttpRequest& request) { return handler(application, request); };
  };
  // The answer holds a secret that is never kept.
  add(Method::kPost, "/v1/tokens", limits::kJsonBodyBytesMax,
      once_per_key(application, bound(create_token), Repetition::kNamed));
  add(Method::kGet, "/v1/tokens", 0, bound(list_tokens));
  add(Method::kDelete, "/v1/tokens/{id}", 0, bound(revoke_token));
}

}  // namespace statehouse
