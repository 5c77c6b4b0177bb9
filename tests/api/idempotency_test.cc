#include "api/http/idempotency.h"

#include <barrier>
#include <thread>

#include "tests/api/routes_fixture.h"

namespace statehouse::test {

namespace {

const std::vector<HeaderField> kKey = {{"idempotency-key", "k1"}};

/// An open promotion, and comments on it with one key.
class KeyedComments : public RoutesFixture {
 public:
  KeyedComments() {
    push_commit();
    number = open("alice", "deploy");
  }

  AuthenticatedCaller token(const std::string& id, TokenScope scope,
                            const std::string& repositories = "") {
    std::optional<Glob> glob;
    if (!repositories.empty()) glob = must(Glob::parse(repositories));
    return AuthenticatedCaller::for_token(name_of_resource("alice"), id, scope, std::move(glob),
                                          clock.now() + std::chrono::hours(1));
  }

  RouteAnswer comment(const AuthenticatedCaller& caller, const std::string& message = "once") {
    return post(caller, promotion_path(number, "/comments"), {{"message", message}}, kKey);
  }

  [[nodiscard]] std::size_t comments() { return must(ledger().comments(number)).size(); }

  PromotionNumber number = 0;
};

/// A request by alice with the key, for a handler of the test's own.
HttpRequest keyed_request(RoutesFixture& fixture) {
  HttpRequest request;
  request.method = Method::kPost;
  request.path = "/v1/test";
  request.caller = fixture.as("alice");
  request.headers.add("idempotency-key", "k1");
  return request;
}

/// Made something that is shown by a path of the server's.
Result<HttpResponse> fine() {
  HttpResponse response = HttpResponse::with_body(201, "application/json", "{}");
  must(response.set_header("Content-Location", "/v1/whoami"));
  return response;
}

AuthenticatedCaller administrator(ServiceFixture& fixture) {
  return fixture.as("alice", TokenScope::kAdmin);
}

}  // namespace

TEST_CASE_FIXTURE(KeyedComments, "a repeated request is answered as before and does nothing") {
  const RouteAnswer first = comment(as("alice"));
  CHECK(first.status == 200);
  CHECK(comment(as("alice")).body == first.body);
  CHECK(comments() == 1);
  CHECK(comment(as("alice"), "other").status == 409);
}

TEST_CASE_FIXTURE(KeyedComments, "an answer is not handed to another token of the identity") {
  CHECK(comment(token("tok_1", TokenScope::kWrite)).status == 200);
  CHECK(comment(token("tok_2", TokenScope::kRead)).status == 403);
  CHECK(comment(token("tok_3", TokenScope::kWrite, "mirror")).status == 404);
  CHECK(comment(token("tok_4", TokenScope::kWrite)).status == 200);
  CHECK(comments() == 2);
}

TEST_CASE_FIXTURE(KeyedComments, "a key belongs to the path it was used on") {
  CHECK(comment(as("alice")).status == 200);
  CHECK(post(as("alice"), promotion_path(number, "/close"), Json::object(), kKey).status == 200);
  CHECK(must(ledger().promotion(number)).state == PromotionState::kClosed);
}

TEST_CASE_FIXTURE(RoutesFixture, "while a request runs the same one is a conflict") {
  Handler handler;
  int runs = 0;
  std::optional<Result<HttpResponse>> second;
  handler = once_per_key(application, [&](HttpRequest&) {
    if (++runs == 1) {
      HttpRequest same = keyed_request(*this);
      second = handler(same);
    }
    return fine();
  });
  HttpRequest request = keyed_request(*this);
  CHECK(must(handler(request)).status() == 201);
  CHECK(runs == 1);
  REQUIRE(second);
  CHECK(code_of(*second) == ErrorCode::kConflict);
  CHECK(second->error().message.find("under way") != std::string::npos);
  CHECK(must(handler(request)).status() == 201);
  CHECK(runs == 1);
}

TEST_CASE_FIXTURE(RoutesFixture, "an answer that was kept by another is no alarm") {
  Application other(*store, {.public_url = "", .version = "test"});
  const Handler inner = once_per_key(other, [](HttpRequest&) { return fine(); });
  const Handler outer = once_per_key(application, [&](HttpRequest&) {
    HttpRequest same = keyed_request(*this);
    CHECK(must(inner(same)).status() == 201);
    return fine();
  });
  HttpRequest request = keyed_request(*this);
  CHECK(must(outer(request)).status() == 201);
  CHECK(core().alarms.list().empty());
}

TEST_CASE_FIXTURE(KeyedComments, "of many comments with one key at once only one is made") {
  const AuthenticatedCaller caller = as("alice");
  std::vector<RouteAnswer> answers(8);
  std::barrier start(std::ssize(answers));
  {
    std::vector<std::jthread> clients;
    for (RouteAnswer& answer : answers) {
      clients.emplace_back([&] {
        start.arrive_and_wait();
        answer = comment(caller);
      });
    }
  }
  for (const RouteAnswer& answer : answers) CHECK((answer.status == 200 || answer.status == 409));
  CHECK(comments() == 1);
  CHECK(core().alarms.list().empty());
}

TEST_CASE_FIXTURE(KeyedComments, "a repeated request shows what it made as it is now") {
  CHECK(comment(as("alice")).status == 200);
  post(as("bob"), promotion_path(number, "/comments"), {{"message", "later"}});
  CHECK(comment(as("alice")).body["comments"].size() == 2);
}

TEST_CASE_FIXTURE(KeyedComments, "of an answer no more is kept than what it named") {
  CHECK(comment(as("alice"), std::string(16'000, 'x')).status == 200);
  const std::string scope =
      std::string(as("alice").token_id()) + " POST " + promotion_path(number, "/comments");
  const auto kept = must(ledger().idempotent(scope, "k1", clock.now()));
  REQUIRE(kept);
  CHECK(kept->response == "200 " + promotion_path(number));
}

TEST_CASE_FIXTURE(KeyedComments, "a token keeps a bounded number of keys") {
  const AuthenticatedCaller caller = as("alice");
  must(core().ledger.commit([&](Transaction& transaction) -> Result<> {
    for (std::uint64_t i = 0; i < kKeptKeysMax; ++i) {
      TRY(transaction.put_idempotent(std::string(caller.token_id()) + " POST /v1/elsewhere",
                                     std::to_string(i), "digest", "200 /v1/elsewhere"));
    }
    return {};
  }));
  CHECK(comment(caller).status == 503);
  CHECK(comments() == 0);
  CHECK(comment(token("tok_other", TokenScope::kWrite)).status == 200);
  clock.advance(std::chrono::hours(25));
  CHECK(comment(token(std::string(caller.token_id()), TokenScope::kWrite)).status == 200);
}

TEST_CASE_FIXTURE(RoutesFixture, "a repeated key mints no second token and names the first") {
  const Json wanted = {{"identity", "carol"}};
  const RouteAnswer first = post(administrator(*this), "/v1/tokens", wanted, kKey);
  CHECK(first.status == 201);
  const std::size_t tokens = must(ledger().tokens()).size();
  const RouteAnswer again = post(administrator(*this), "/v1/tokens", wanted, kKey);
  CHECK(again.status == 409);
  CHECK(again.words().find(first.body["id"].get<std::string>()) != std::string::npos);
  CHECK(again.words().find(first.body["token"].get<std::string>()) == std::string::npos);
  CHECK(must(ledger().tokens()).size() == tokens);
}

}  // namespace statehouse::test
