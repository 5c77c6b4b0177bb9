#include "crypto/ssh_wire.h"

namespace statehouse {

namespace {

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading SSH data: " + std::move(cause));
}

}  // namespace

Result<std::string_view> SshWireReader::raw(std::size_t count) {
  if (rest_.size() < count) return malformed("it ends early");
  const std::string_view bytes = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return bytes;
}

Result<std::uint8_t> SshWireReader::byte() {
  const std::string_view bytes = TRY(raw(1));
  return static_cast<std::uint8_t>(bytes[0]);
}

Result<std::uint32_t> SshWireReader::uint32() {
  const std::string_view bytes = TRY(raw(4));
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

Result<std::string_view> SshWireReader::string() {
  const std::string_view before = rest_;
  const std::uint32_t length = TRY(uint32());
  if (rest_.size() < length) {
    rest_ = before;
    return malformed("a string ends early");
  }
  return raw(length);
}

Result<std::string_view> SshWireReader::positive_mpint(std::size_t bytes_max) {
  const std::string_view before = rest_;
  std::string_view digits = TRY(string());
  const auto top_bit = [](std::string_view bytes) {
    return (static_cast<unsigned char>(bytes[0]) & 0x80U) != 0;
  };
  bool canonical = !digits.empty() && !top_bit(digits);
  if (canonical && digits[0] == '\0') {
    digits.remove_prefix(1);
    canonical = !digits.empty() && top_bit(digits);
  }
  if (!canonical || digits.size() > bytes_max) {
    rest_ = before;
    return malformed("not a canonical positive number, or too large");
  }
  return digits;
}

Result<> SshWireReader::require_end() const {
  if (!rest_.empty()) return malformed("bytes follow its end");
  return {};
}

void append_ssh_uint32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void append_ssh_string(std::string& out, std::string_view bytes) {
  STATEHOUSE_ASSERT(bytes.size() <= UINT32_MAX);
  append_ssh_uint32(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

}  // namespace statehouse
