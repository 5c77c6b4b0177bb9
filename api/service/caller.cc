#include "api/service/caller.h"

namespace statehouse {

AuthenticatedCaller AuthenticatedCaller::anonymous() {
  return AuthenticatedCaller(Via::kAnonymous);
}

AuthenticatedCaller AuthenticatedCaller::control() { return AuthenticatedCaller(Via::kControl); }

AuthenticatedCaller AuthenticatedCaller::server() { return AuthenticatedCaller(Via::kServer); }

AuthenticatedCaller AuthenticatedCaller::for_token(ResourceName identity, std::string token_id,
                                                   TokenScope scope,
                                                   std::optional<Glob> repositories,
                                                   Timestamp expires) {
  AuthenticatedCaller caller(Via::kToken);
  caller.identity_ = std::move(identity);
  caller.token_id_ = std::move(token_id);
  caller.scope_ = scope;
  caller.repositories_ = std::move(repositories);
  caller.expires_ = expires;
  return caller;
}

std::string_view AuthenticatedCaller::via_name() const {
  switch (via_) {
    case Via::kAnonymous:
      return "anonymous";
    case Via::kToken:
      return "token";
    case Via::kControl:
      return "control";
    case Via::kServer:
      return "server";
  }
  STATEHOUSE_ASSERT(false);
}

Actor AuthenticatedCaller::actor() const {
  Actor actor;
  if (identity_) actor.identity = identity_->str();
  if (!token_id_.empty()) actor.token = token_id_;
  if (via_ == Via::kToken) actor.via = ActorVia::kToken;
  if (via_ == Via::kControl) actor.via = ActorVia::kControl;
  return actor;
}

Result<> AuthenticatedCaller::require_scope(TokenScope needed) const {
  if (via_ == Via::kServer) return {};
  if (via_ == Via::kControl) {
    if (needed != TokenScope::kWrite) return {};
    return denied("asking as the host's operator: the operator moves nothing",
                  "use the access token of an identity that policy allows to do this");
  }
  if (via_ == Via::kAnonymous) {
    if (needed == TokenScope::kRead) return {};
    return denied("asking without an access token: only reading is possible",
                  "pass an access token");
  }
  if (scope_ >= needed) return {};
  return denied("using token " + token_id_ + ": its scope is " + std::string(name_of(scope_)) +
                    ", but " + std::string(name_of(needed)) + " is needed",
                "ask an administrator for a token with --scope " + std::string(name_of(needed)));
}

Result<> AuthenticatedCaller::require_whole_store(std::string_view doing) const {
  if (!is_narrowed()) return {};
  return denied(std::string(doing) + ": token " + token_id_ + " is for some repositories only",
                "use a token that is not narrowed, or --data on the host");
}

bool AuthenticatedCaller::covers(const RepositoryName& repository) const {
  return !repositories_ || repositories_->matches(repository);
}

}  // namespace statehouse
