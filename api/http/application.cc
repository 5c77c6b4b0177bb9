#include "api/http/application.h"

#include "api/http/handler_support.h"
#include "api/http/problem.h"
#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

constexpr std::size_t kFetchCacheBytes = 256U << 20;

struct Credentials {
  std::string user;  ///< empty for Bearer
  std::string token;
};

Result<std::optional<Credentials>> read_credentials(const HttpRequest& request) {
  const auto header = TRY(request.header("authorization"));
  if (!header) return std::optional<Credentials>();
  const std::size_t space = header->find(' ');
  const std::string_view scheme = header->substr(0, space);
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view() : header->substr(space + 1);
  if (equals_ignoring_case(scheme, "bearer")) {
    return std::optional(Credentials{"", std::string(rest)});
  }
  const auto decoded = base64_decode(rest);
  const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (!equals_ignoring_case(scheme, "basic") || colon == std::string::npos) {
    return denied("authenticating: the Authorization header is not understood",
                  "use Bearer, or Basic with the token as password");
  }
  return std::optional(Credentials{decoded->substr(0, colon), decoded->substr(colon + 1)});
}

/// In Basic, the user is the token's identity, or one of the names that Git tools use by default.
bool is_user_of(const std::string& user, const AuthenticatedCaller& caller) {
  return user.empty() || user == "git" || user == "x-access-token" ||
         user == caller.identity_name();
}

Result<AuthenticatedCaller> authenticate(const TokenService& tokens, const HttpRequest& request) {
  if (request.is_control_socket) return AuthenticatedCaller::control();
  const std::optional<Credentials> credentials = TRY(read_credentials(request));
  if (!credentials) return AuthenticatedCaller::anonymous();
  AuthenticatedCaller caller = TRY(tokens.authenticate(credentials->token));
  if (!is_user_of(credentials->user, caller)) {
    return denied("authenticating: the token belongs to another identity than the user name says",
                  "use the identity's name, or `git`, as user name");
  }
  return caller;
}

}  // namespace

Application::Application(StateStore& store, ApplicationOptions options)
    : store_(store), options_(std::move(options)), fetch_cache_(kFetchCacheBytes) {
  add_audit_routes(*this);
  add_git_routes(*this);
  add_log_routes(*this);
  add_maintenance_routes(*this);
  add_promotion_routes(*this);
  add_repository_routes(*this);
  add_snapshot_routes(*this);
  add_status_routes(*this);
  add_token_routes(*this);
}

void Application::add(Method method, std::string pattern, Access access, Lane lane,
                      std::uint64_t body_bytes_max, Handler handler) {
  const Result<> added =
      router_.add({method, std::move(pattern), access, lane, body_bytes_max, std::move(handler)});
  STATEHOUSE_ASSERT(added.has_value());
}

Gate Application::gate() {
  return [this](HttpRequest& request, Access required) -> std::optional<HttpResponse> {
    Result<AuthenticatedCaller> caller = authenticate(store_.tokens(), request);
    if (!caller && caller.error().code == ErrorCode::kDenied) {
      return unauthenticated(caller.error());
    }
    if (!caller) return problem(caller.error());
    const bool anonymous = caller->via() == AuthenticatedCaller::Via::kAnonymous;
    if (required == Access::kAuthenticated && anonymous) {
      return unauthenticated(Error{ErrorCode::kDenied, "authenticating: no access token was sent",
                                   "send it as Bearer, or as Basic password"});
    }
    request.caller = *std::move(caller);
    return std::nullopt;
  };
}

}  // namespace statehouse
