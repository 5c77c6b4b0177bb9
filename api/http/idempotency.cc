#include "api/http/idempotency.h"

#include "api/http/handler_support.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::size_t kKeyBytesMax = 200;

struct KeyedRequest {
  std::string caller;
  std::string key;
  std::string digest;
};

Result<std::optional<KeyedRequest>> keyed(const HttpRequest& request) {
  const auto key = TRY(request.header("idempotency-key"));
  if (!key) return std::optional<KeyedRequest>();
  if (key->empty() || key->size() > kKeyBytesMax) {
    return invalid_argument("reading Idempotency-Key: it has 1 to 200 characters");
  }
  const std::string body = TRY(request.body.read_all(limits::kJsonBodyBytesMax));
  const AuthenticatedCaller& caller = caller_of(request);
  return std::optional(KeyedRequest{caller.identity_name() + "/" + std::string(caller.via_name()),
                                    std::string(*key),
                                    sha256_digest_text(request.path + "\n" + body)});
}

}  // namespace

Handler once_per_key(Application& application, Handler handler) {
  return [&application,
          handler = std::move(handler)](HttpRequest& request) -> Result<HttpResponse> {
    const auto key = TRY(keyed(request));
    if (!key) return handler(request);
    Core& core = application.store().core();
    const auto known = TRY(core.ledger.read().idempotent(key->caller, key->key, core.clock.now()));
    if (known && known->request_digest != key->digest) {
      return conflict("repeating a request: this Idempotency-Key was used for another one",
                      "use a new key for each request");
    }
    if (known) return HttpResponse::with_body(200, "application/json", known->response);
    HttpResponse response = TRY(handler(request));
    const auto* body = std::get_if<std::string>(&response.body());
    if (response.status() / 100 == 2 && body != nullptr) {
      const Result<> kept = core.ledger.commit([&](Transaction& transaction) -> Result<> {
        return transaction.put_idempotent(key->caller, key->key, key->digest, *body);
      });
      // Done is done: that the answer could not be kept is no failure of the request.
      if (!kept) core.alarms.raise("idempotency", "ledger.db", kept.error().message);
    }
    return response;
  };
}

}  // namespace statehouse
