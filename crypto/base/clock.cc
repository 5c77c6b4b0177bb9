#include "crypto/base/clock.h"

#include <array>
#include <cstdio>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

/// Consumes fixed-width decimal fields and single literal characters from the front of a text.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  bool digits(std::size_t width, int& value) {
    if (rest_.size() < width) return false;
    value = 0;
    for (const char c : rest_.substr(0, width)) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(width);
    return true;
  }

  bool literal(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    last_literal_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }

  /// An optional ".ddd…"; false only when a dot is not followed by a digit.
  bool fraction_ms(int& milliseconds) {
    milliseconds = 0;
    if (!literal(".")) return true;
    int scale = 100;
    std::size_t count = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      milliseconds += scale * (rest_.front() - '0');
      scale /= 10;
      rest_.remove_prefix(1);
      ++count;
    }
    return count > 0 && count <= 9;
  }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] char last_literal() const { return last_literal_; }

 private:
  std::string_view rest_;
  char last_literal_ = '\0';
};

bool read_offset_minutes(FieldReader& reader, int& minutes) {
  minutes = 0;
  if (!reader.literal("Zz+-")) return false;
  const char sign = reader.last_literal();
  if (sign == 'Z' || sign == 'z') return true;
  int hour = 0;
  int minute = 0;
  if (!reader.digits(2, hour) || !reader.literal(":") || !reader.digits(2, minute)) return false;
  if (hour > 23 || minute > 59) return false;
  minutes = (hour * 60 + minute) * (sign == '-' ? -1 : 1);
  return true;
}

}  // namespace

Result<Timestamp> Timestamp::parse(std::string_view text) {
  FieldReader reader(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0, offset = 0;
  const bool shape = reader.digits(4, year) && reader.literal("-") && reader.digits(2, month) &&
                     reader.literal("-") && reader.digits(2, day) && reader.literal("Tt") &&
                     reader.digits(2, hour) && reader.literal(":") && reader.digits(2, minute) &&
                     reader.literal(":") && reader.digits(2, second) && reader.fraction_ms(ms) &&
                     read_offset_minutes(reader, offset) && reader.at_end();
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!shape || !date.ok() || year < 1970 || hour > 23 || minute > 59 || second > 59) {
    return invalid_argument("reading a time: not RFC 3339", "write it like 2026-01-31T12:00:00Z");
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
  if (seconds < 0) return invalid_argument("reading a time: before 1970");
  return Timestamp::from_unix_ms(seconds * 1000 + ms);
}

std::string Timestamp::rfc3339() const {
  const std::chrono::sys_time<Milliseconds> point{Milliseconds(unix_ms_)};
  const auto day_point = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day_point);
  const std::chrono::hh_mm_ss time(point - day_point);
  std::array<char, 40> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
      static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

Result<Milliseconds> parse_duration(std::string_view text) {
  std::int64_t value = 0;
  std::size_t used = 0;
  while (used < text.size() && text[used] >= '0' && text[used] <= '9' && used < 7) {
    value = value * 10 + (text[used] - '0');
    ++used;
  }
  const auto bad = [text] {
    return invalid_argument("reading the duration `" + escape_for_message(text, 40) +
                                "`: not a whole number above 0 with a unit",
                            "write it like 90s, 30m, 24h or 7d");
  };
  if (used == 0 || used > 6 || text.size() != used + 1 || value == 0) return bad();
  switch (text[used]) {
    case 's':
      return std::chrono::seconds(value);
    case 'm':
      return std::chrono::minutes(value);
    case 'h':
      return std::chrono::hours(value);
    case 'd':
      return std::chrono::days(value);
    default:
      return bad();
  }
}

std::string format_duration(Milliseconds duration) {
  const std::int64_t seconds = duration.count() / 1000;
  if (seconds != 0 && seconds % 86400 == 0) return std::to_string(seconds / 86400) + "d";
  if (seconds != 0 && seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  if (seconds != 0 && seconds % 60 == 0) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

Timestamp SystemClock::now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp::from_unix_ms(std::chrono::duration_cast<Milliseconds>(since_epoch).count());
}

}  // namespace statehouse
