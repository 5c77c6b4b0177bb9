#include "api/http/idempotency.h"

#include "api/http/handler_support.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::size_t kKeyBytesMax = 200;

struct KeyedRequest {
  std::string who;    ///< a token
  std::string scope;  ///< who asks, with which token, for what: keys of others are others
  std::string key;
  std::string digest;
};

/// What is kept of an answer: "201 /v1/promotions/12".
struct KeptAnswer {
  int status = 0;
  std::string location;

  [[nodiscard]] std::string text() const { return std::to_string(status) + " " + location; }

  static std::optional<KeptAnswer> parse(std::string_view text) {
    constexpr std::size_t kStatusDigits = 3;
    if (text.size() < kStatusDigits + 2 || text[kStatusDigits] != ' ') return std::nullopt;
    const auto status = parse_unsigned(text.substr(0, kStatusDigits));
    if (!status) return std::nullopt;
    return KeptAnswer{static_cast<int>(*status), std::string(text.substr(kStatusDigits + 1))};
  }
};

/// By token, not by identity: what one token was answered, a narrower one may not be allowed to
/// read.
std::string who_asks(const HttpRequest& request) {
  const AuthenticatedCaller& caller = caller_of(request);
  return caller.token_id().empty() ? std::string(caller.via_name()) : caller.token_id();
}

Result<std::optional<KeyedRequest>> keyed(const HttpRequest& request) {
  const auto key = TRY(request.header("idempotency-key"));
  if (!key) return std::optional<KeyedRequest>();
  if (key->empty() || key->size() > kKeyBytesMax) {
    return invalid_argument("reading Idempotency-Key: it has 1 to 200 characters");
  }
  const std::string body = TRY(request.body.read_all(limits::kJsonBodyBytesMax));
  const std::string who = who_asks(request);
  return std::optional(
      KeyedRequest{who, who + " " + std::string(method_name(request.method)) + " " + request.path,
                   std::string(*key), sha256_digest_text(body)});
}

Result<HttpResponse> answer_and_keep(Core& core, const KeyedRequest& key, const Handler& handler,
                                     HttpRequest& request) {
  HttpResponse response = TRY(handler(request));
  const auto location = response.header("Content-Location");
  if (response.status() / 100 != 2 || !location) return response;
  const KeptAnswer answer{response.status(), std::string(*location)};
  const Result<> kept = core.ledger.commit([&](Transaction& transaction) -> Result<> {
    return transaction.put_idempotent(key.scope, key.key, key.digest, answer.text());
  });
  // Done is done: that the answer could not be kept is no failure of the request, and no failure at
  // all when one is kept already.
  if (!kept && kept.error().code != ErrorCode::kConflict) {
    core.alarms.raise("idempotency", "ledger.db", kept.error().message);
  }
  return response;
}

/// What the first answer named, as its GET shows it to this caller now.
Result<HttpResponse> answer_again(Application& application, const HttpRequest& request,
                                  const KeptAnswer& kept) {
  RouteMatch match = application.router().find(Method::kGet, kept.location);
  if (match.route == nullptr) return internal_error("repeating a request: nothing shows it");
  HttpRequest read;
  read.path = kept.location;
  read.caller = request.caller;
  read.presence = request.presence;
  read.path_parameters = std::move(match.parameters);
  const HttpResponse shown = TRY(match.route->handler(read));
  const auto* body = std::get_if<std::string>(&shown.body());
  if (body == nullptr) return internal_error("repeating a request: its answer is no document");
  HttpResponse answer = HttpResponse::with_body(kept.status, "application/json", *body);
  TRY(answer.set_header("Content-Location", kept.location));
  return answer;
}

Result<HttpResponse> answer_repeated(Application& application, const HttpRequest& request,
                                     std::string_view kept_text, Repetition repetition) {
  const auto kept = KeptAnswer::parse(kept_text);
  if (kept && repetition == Repetition::kAnsweredAnew) {
    return answer_again(application, request, *kept);
  }
  return conflict("repeating a request: it was done already" +
                      (kept ? ", and made " + kept->location : std::string()),
                  "what it was answered is not given twice: undo it, and use a new key");
}

Result<> require_room(const Core& core, const KeyedRequest& key) {
  const std::uint64_t kept = TRY(core.ledger.read().idempotency_keys(key.who, core.clock.now()));
  if (kept < kKeptKeysMax) return {};
  return unavailable(
      "reading Idempotency-Key: this token used " + std::to_string(kept) + " keys within 24 hours",
      "send the request without a key, or later");
}

}  // namespace

Handler once_per_key(Application& application, Handler handler, Repetition repetition) {
  return [&application, repetition,
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
    if (known) return answer_repeated(application, request, known->response, repetition);
    TRY(require_room(core, *key));
    return answer_and_keep(core, *key, handler, request);
  };
}

}  // namespace statehouse
