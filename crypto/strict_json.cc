#include "crypto/strict_json.h"

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::size_t kTextBytesMax = 1024;

std::unexpected<Error> bad(std::string_view name, std::string_view cause) {
  return invalid_argument("reading JSON: `" + std::string(name) + "` " + std::string(cause));
}

}  // namespace

Result<> require_members(const Json& object, std::initializer_list<std::string_view> names) {
  if (!object.is_object()) return invalid_argument("reading JSON: not an object");
  for (const std::string_view name : names) {
    Result<const Json*> member = json_member(object, name);
    if (!member) return std::unexpected(std::move(member).error());
  }
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(names, std::string_view(name)) == names.end()) {
      return bad(escape_for_message(name, 64), "is not known here");
    }
  }
  return {};
}

Result<const Json*> strict_object(const Json& object, std::string_view name,
                                  std::initializer_list<std::string_view> names) {
  const Json* member = TRY(json_member(object, name));
  TRY_WITH(std::string(name), require_members(*member, names));
  return member;
}

Result<const Json*> strict_array(const Json& object, std::string_view name, std::size_t count_max) {
  const Json* member = TRY(json_member(object, name));
  if (!member->is_array()) return bad(name, "is not a list");
  if (member->size() > count_max) return bad(name, "is too long");
  return member;
}

Result<std::string> strict_text(const Json& object, std::string_view name) {
  std::string text = TRY(json_string(object, name));
  const bool has_control = std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (text.empty() || text.size() > kTextBytesMax || has_control) {
    return bad(name, "is empty, too long, or has control characters");
  }
  return text;
}

Result<> require_text(const Json& object, std::string_view name, std::string_view expected) {
  const std::string text = TRY(json_string(object, name));
  if (text != expected) return bad(name, "is not `" + std::string(expected) + "`");
  return {};
}

Result<std::uint64_t> strict_count(const Json& value) {
  const bool is_count = value.is_number_unsigned() &&
                        value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
  if (!is_count) return invalid_argument("reading JSON: not a whole number from 0");
  return value.get<std::uint64_t>();
}

Result<std::uint64_t> strict_count(const Json& object, std::string_view name) {
  const Json* member = TRY(json_member(object, name));
  return TRY_WITH(std::string(name), strict_count(*member));
}

Result<std::string> strict_hex(const Json& object, std::string_view name, std::size_t digits) {
  std::string text = TRY(json_string(object, name));
  if (text.size() != digits || !hex_decode(text)) {
    return bad(name, "is not " + std::to_string(digits) + " lower-case hexadecimal digits");
  }
  return text;
}

Result<std::string> strict_digest(const Json& object, std::string_view name) {
  std::string text = TRY(json_string(object, name));
  if (!is_digest_text(text)) return bad(name, "is not `sha256:` and 64 hexadecimal digits");
  return text;
}

Result<Timestamp> strict_time(const Json& object, std::string_view name) {
  const std::string text = TRY(json_string(object, name));
  const Timestamp time = TRY_WITH(std::string(name), Timestamp::parse(text));
  if (time.rfc3339() != text) return bad(name, "is not a UTC time with milliseconds");
  return time;
}

bool is_null(const Json& object, std::string_view name) {
  const Result<const Json*> member = json_member(object, name);
  return member && (*member)->is_null();
}

}  // namespace statehouse
