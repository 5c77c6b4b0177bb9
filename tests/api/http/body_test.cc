#include "api/http/body.h"

#include <doctest/doctest.h>

#include <string>

#include "api/http/inflate.h"
#include "tests/api/http/fixture.h"

namespace statehouse {

namespace {

struct Bodies {
  BodyCollector collector(std::size_t memory_bytes_max) {
    return {directory.path(), memory_bytes_max, &budget};
  }
  std::expected<RequestBody, InflateError> inflate(std::string compressed, InflateLimits limits) {
    BodyCollector into = collector(1U << 20);
    auto result = inflate_gzip(RequestBody(std::move(compressed)), limits, into);
    made = into.size();
    return result;
  }

  TemporaryDirectory directory = TemporaryDirectory::create("/tmp", "statehouse-body-").value();
  BodyBudget budget{1000, 10'000};
  std::uint64_t made = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Bodies, "bodies beyond the server's budget are refused, and it is given back") {
  {
    BodyCollector first = collector(1000);
    REQUIRE(first.append(std::string(900, 'a')).has_value());
    BodyCollector second = collector(1000);
    CHECK(second.append(std::string(200, 'b')).error().code == ErrorCode::kUnavailable);
    CHECK(second.append(std::string(100, 'b')).has_value());
  }
  CHECK(budget.take_memory(1000));
}

TEST_CASE_FIXTURE(Bodies, "a large body moves to a file without a name and reads the same") {
  BodyCollector large = collector(10);
  REQUIRE(large.append("0123456789").has_value());
  REQUIRE(large.append("abc").has_value());
  const RequestBody body = large.finish();
  CHECK_FALSE(body.in_memory());
  CHECK(body.size() == 13);
  CHECK(body.read_all(13).value() == "0123456789abc");
  CHECK(body.read_at(9, 3).value() == "9ab");
  CHECK(body.read_at(13, 3).value().empty());
  CHECK_FALSE(body.read_all(12).has_value());
  CHECK(list_directory(directory.path()).value().empty());
  CHECK(budget.take_memory(1000));
}

TEST_CASE_FIXTURE(Bodies, "a file larger than the budget is refused") {
  BodyCollector large = collector(10);
  CHECK_FALSE(large.append(std::string(10'001, 'a')).has_value());
}

TEST_CASE_FIXTURE(Bodies, "gzip bombs stop at the limit") {
  budget.give_memory(10U << 20);
  const std::string bomb = gzip(std::string(100U << 20, '\0'));
  CHECK(inflate(bomb, {1U << 20, 100'000}).error().failure == InflateFailure::kTooLarge);
  CHECK(made <= (1U << 20) + (64U << 10));
  CHECK(inflate(bomb, {1U << 30, 200}).error().failure == InflateFailure::kTooLarge);
  CHECK(made <= 4U << 20);
}

TEST_CASE_FIXTURE(Bodies, "damaged, doubled and cut gzip bodies are refused") {
  const std::string good = gzip("hello");
  std::string bad_checksum = good;
  bad_checksum[good.size() - 8] ^= 1;
  std::string bad_length = good;
  bad_length.back() ^= 1;
  for (const std::string& bad :
       {std::string("hello"), good.substr(0, good.size() - 1), good.substr(0, 5), good + good,
        good + "x", bad_checksum, bad_length, std::string()}) {
    CHECK(inflate(bad, {1000, 200}).error().failure == InflateFailure::kMalformed);
  }
  CHECK(inflate(good, {1000, 200})->bytes() == "hello");
  CHECK(inflate(good, {4, 200}).error().failure == InflateFailure::kTooLarge);
}

}  // namespace statehouse
