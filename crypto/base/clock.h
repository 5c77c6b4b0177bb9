#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

using Milliseconds = std::chrono::milliseconds;

/// A point in time, UTC, to the millisecond. A value.
class Timestamp {
 public:
  constexpr Timestamp() = default;
  static constexpr Timestamp from_unix_ms(std::int64_t unix_ms) { return Timestamp(unix_ms); }
  static constexpr Timestamp from_unix_seconds(std::int64_t unix_seconds) {
    return Timestamp(unix_seconds * 1000);
  }

  /// Reads an RFC 3339 date-time ("2026-01-31T23:59:59Z", fractions and numeric offsets allowed).
  /// Years 1970 to 9999. Digits after the millisecond are dropped. Leap seconds are refused.
  static Result<Timestamp> parse(std::string_view text);

  [[nodiscard]] constexpr std::int64_t unix_ms() const { return unix_ms_; }
  [[nodiscard]] constexpr std::int64_t unix_seconds() const { return unix_ms_ / 1000; }

  /// "2026-01-31T23:59:59.123Z": always 24 characters, so text order is time order.
  [[nodiscard]] std::string rfc3339() const;

  constexpr Timestamp operator+(Milliseconds by) const { return Timestamp(unix_ms_ + by.count()); }
  constexpr Timestamp operator-(Milliseconds by) const { return Timestamp(unix_ms_ - by.count()); }
  constexpr Milliseconds operator-(Timestamp other) const {
    return Milliseconds(unix_ms_ - other.unix_ms_);
  }
  constexpr auto operator<=>(const Timestamp&) const = default;

 private:
  explicit constexpr Timestamp(std::int64_t unix_ms) : unix_ms_(unix_ms) {}

  std::int64_t unix_ms_ = 0;
};

/// Reads "90s", "30m", "24h", "7d" (one unit, a positive decimal number below 10^6).
Result<Milliseconds> parse_duration(std::string_view text);

/// The inverse of `parse_duration`, in the largest unit that divides exactly. Sub-second parts are
/// dropped.
std::string format_duration(Milliseconds duration);

/// Where time comes from. Passed in, so that tests hold it still. Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
};

/// The machine's real-time clock.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
};

}  // namespace statehouse
