#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace statehouse {

/// Reads digits only, without leading zeros ("0" itself is allowed), up to 2^64-1.
inline std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace statehouse
