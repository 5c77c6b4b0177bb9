#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "crypto/base/error.h"

namespace statehouse {

/// JSON values. Objects keep their names sorted, so `dump_json` of equal values gives equal bytes.
using Json = nlohmann::json;

/// The one JSON reader for bytes from outside.
///
/// Stricter than nlohmann's own: refuses duplicate names (two parsers would see two documents),
/// nesting deeper than `depth_max`, more than `bytes_max` bytes, a byte order mark and trailing
/// text. Errors: kInvalidArgument with the byte offset.
Result<Json> parse_json(std::string_view text, std::size_t bytes_max = 1U << 20,
                        std::size_t depth_max = 32);

/// Compact, names sorted, UTF-8. Invalid UTF-8 inside strings becomes U+FFFD instead of an
/// exception.
std::string dump_json(const Json& value);

/// Readers of one member of an object. `what` names the object in the error.
/// Errors: kInvalidArgument when the member is missing or has another type.
Result<std::string> json_string(const Json& object, std::string_view name);
Result<std::int64_t> json_integer(const Json& object, std::string_view name);
Result<bool> json_boolean(const Json& object, std::string_view name);
/// Returns a pointer into `object`, which must outlive it.
Result<const Json*> json_member(const Json& object, std::string_view name);

}  // namespace statehouse
