#include "crypto/base/clock.h"

#include <doctest/doctest.h>

namespace statehouse {

TEST_CASE("a time that is not RFC 3339 is refused") {
  for (const char* bad :
       {"", "2026", "2026-01-31", "2026-01-31T10:00:00", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T23:60:00Z",
        "2026-01-31T23:59:60Z", "1969-12-31T23:59:59Z", "2026-01-31T23:59:59.Z",
        "2026-01-31T23:59:59Z ", " 2026-01-31T23:59:59Z", "2026-01-31T23:59:59+0100",
        "2026-01-31T23:59:59+24:00", "20260131T235959Z", "1970-01-01T00:00:00+01:00"}) {
    CAPTURE(bad);
    CHECK_FALSE(Timestamp::parse(bad));
  }
}

TEST_CASE("times are read with fractions and offsets and written in one form") {
  CHECK(Timestamp::parse("2026-01-31T23:59:59Z")->rfc3339() == "2026-01-31T23:59:59.000Z");
  CHECK(Timestamp::parse("2026-01-31T23:59:59.1239Z")->rfc3339() == "2026-01-31T23:59:59.123Z");
  CHECK(Timestamp::parse("2026-02-01T01:29:59+01:30")->rfc3339() == "2026-01-31T23:59:59.000Z");
  CHECK(Timestamp::parse("2024-02-29T00:00:00-01:00")->unix_seconds() == 1709168400);
  CHECK(Timestamp().rfc3339() == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("a duration is one positive number with one unit") {
  for (const char* bad :
       {"", "s", "0s", "-1s", "1", "1w", "1h30m", "1 h", "1234567s", "1.5h", "+1s"}) {
    CHECK_FALSE(parse_duration(bad));
  }
  CHECK(parse_duration("90s").value() == std::chrono::seconds(90));
  CHECK(parse_duration("7d").value() == std::chrono::hours(7 * 24));
  CHECK(format_duration(std::chrono::hours(48)) == "2d");
  CHECK(format_duration(std::chrono::seconds(90)) == "90s");
  CHECK(parse_duration("5x").error().message.find("`5x`") != std::string::npos);
}

}  // namespace statehouse
