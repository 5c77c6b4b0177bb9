#include "api/http/idempotency.h"

#include "api/http/handler_support.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::size_t kKeyBytesMax = 200;

struct KeyedRequest {
  std::string scope;  ///< who asks, with which token, for what: keys of others are others
  std::string key;
  std::string digest;
};

/// By token, not by identity: what one token was answered, a narrower one may not be allowed to
/// read.
std::string scope_of(const HttpRequest& request) {
  const AuthenticatedCaller& caller = caller_of(request);
  const std::string who =
      caller.token_id().empty() ? std::string(caller.via_name()) : caller.token_id();
  return who + " " + std::string(method_name(request.method)) + " " + request.path;
}

Result<std::optional<KeyedRequest>> keyed(const HttpRequest& request) {
  const auto key = TRY(request.header("idempotency-key"));
  if (!key) return std::optional<KeyedRequest>();
  if (key->empty() || key->size() > kKeyBytesMax) {
    return invalid_argument("reading Idempotency-Key: it has 1 to 200 characters");
  }
  const std::string body = TRY(request.body.read_all(limits::kJsonBodyBytesMax));
  return std::optional(
      KeyedRequest{scope_of(request), std::string(*key), sha256_digest_text(body)});
}

Result<HttpResponse> answer_and_keep(Core& core, const KeyedRequest& key, const Handler& handler,
                                     HttpRequest& request) {
  HttpResponse response = TRY(handler(request));
  const auto* body = std::get_if<std::string>(&response.body());
  if (response.status() / 100 != 2 || body == nullptr) return response;
  const Result<> kept = core.ledger.commit([&](Transaction& transaction) -> Result<> {
    return transaction.put_idempotent(key.scope, key.key, key.digest, *body);
  });
  // Done is done: that the answer could not be kept is no failure of the request, and no failure at
  // all when one is kept already.
  if (!kept && kept.error().code != ErrorCode::kConflict) {
    core.alarms.raise("idempotency", "ledger.db", kept.error().message);
  }
  return response;
}

}  // namespace

Handler once_per_key(Application& application, Handler handler) {
  return [&application,
          handler = std::move(handler)](HttpRequest& request) -> Result<HttpResponse> {
    const auto key = TRY(keyed(request));
    if (!key) return handler(request);
    const auto claim = application.requests_under_way().claim(key->scope + "\n" + key->key);
    if (!claim) {
      return conflict("repeating a request: the same request is under way",
                      "repeat it, with the same Idempotency-Key, when it had time to end");
    }
    // Looked up under the claim: whoever had it before has kept the answer by now.
    Core& core = application.store().core();
    const auto known = TRY(core.ledger.read().idempotent(key->scope, key->key, core.clock.now()));
    if (known && known->request_digest != key->digest) {
      return conflict("repeating a request: this Idempotency-Key was used for another one",
                      "use a new key for each request");
    }
    if (known) return HttpResponse::with_body(200, "application/json", known->response);
    return answer_and_keep(core, *key, handler, request);
  };
}

}  // namespace statehouse
