#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/json.h"

namespace statehouse {

// Readers for signed documents, on top of crypto/base/json.h: no member may be missing, of another
// type, or unknown. All errors are kInvalidArgument and name the member.

/// `object` is an object with exactly these members, in any order.
Result<> require_members(const Json& object, std::initializer_list<std::string_view> names);

/// A member that is such an object.
Result<const Json*> strict_object(const Json& object, std::string_view name,
                                  std::initializer_list<std::string_view> names);

/// A member that is an array of at most `count_max` values.
Result<const Json*> strict_array(const Json& object, std::string_view name, std::size_t count_max);

/// A string of 1 to 1,024 bytes without control characters.
Result<std::string> strict_text(const Json& object, std::string_view name);

/// A string equal to `expected`.
Result<> require_text(const Json& object, std::string_view name, std::string_view expected);

/// An integer from 0 to 2^63-1.
Result<std::uint64_t> strict_count(const Json& object, std::string_view name);
Result<std::uint64_t> strict_count(const Json& value);

/// Lower-case hexadecimal of exactly `digits` digits.
Result<std::string> strict_hex(const Json& object, std::string_view name, std::size_t digits);
inline Result<std::string> strict_oid(const Json& object, std::string_view name) {
  return strict_hex(object, name, 40);
}
inline Result<std::string> strict_sha256(const Json& object, std::string_view name) {
  return strict_hex(object, name, 64);
}

/// "sha256:" and 64 digits.
Result<std::string> strict_digest(const Json& object, std::string_view name);

/// A time in exactly the form that Timestamp::rfc3339 writes.
Result<Timestamp> strict_time(const Json& object, std::string_view name);

/// True when the member is there and null.
bool is_null(const Json& object, std::string_view name);

}  // namespace statehouse
