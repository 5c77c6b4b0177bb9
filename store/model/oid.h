#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

/// The id of a Git object: 20 bytes, SHA-1 (with collision detection). A value.
class Oid {
 public:
  static constexpr std::size_t kBytes = 20;

  /// The all-zero id, which names no object.
  constexpr Oid() = default;

  /// Exactly 40 lower-case hexadecimal digits.
  static Result<Oid> parse(std::string_view hex);

  /// REQUIRES: `bytes` has kBytes bytes.
  static Oid from_bytes(std::string_view bytes);

  [[nodiscard]] std::string hex() const;
  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), kBytes};
  }
  [[nodiscard]] bool is_zero() const { return *this == Oid(); }
  auto operator<=>(const Oid&) const = default;

 private:
  std::array<unsigned char, kBytes> bytes_{};
};

}  // namespace statehouse

template <>
struct std::hash<statehouse::Oid> {
  std::size_t operator()(const statehouse::Oid& oid) const noexcept;
};
