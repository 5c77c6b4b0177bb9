#include "crypto/base/encoding.h"

#include <array>
#include <cstdint>

namespace statehouse {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64UrlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

enum class Padding { kRequired, kNone };

std::string encode64(std::string_view bytes, std::string_view alphabet, Padding padding) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      if (k <= count) {
        text.push_back(alphabet[group >> (18 - 6 * k) & 63U]);
      } else if (padding == Padding::kRequired) {
        text.push_back('=');
      }
    }
  }
  return text;
}

Result<std::string> decode64(std::string_view text, std::string_view alphabet, Padding padding) {
  const auto bad = [] { return invalid_argument("reading base64: not canonical base64"); };
  if (padding == Padding::kRequired) {
    if (text.size() % 4 != 0) return bad();
    if (text.ends_with("==")) {
      text.remove_suffix(2);
    } else if (text.ends_with('=')) {
      text.remove_suffix(1);
    }
  }
  if (text.size() % 4 == 1) return bad();
  std::array<int, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<int>(i);
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) return bad();
    buffer = (buffer << 6 | static_cast<std::uint32_t>(value)) & 0xffffffU;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>(buffer >> bits & 0xffU));
    }
  }
  // Left-over bits must be zero, or two texts would decode to the same bytes.
  if ((buffer & ((1U << bits) - 1U)) != 0) return bad();
  return bytes;
}

/// Length of the well-formed UTF-8 sequence at the front of `bytes`, or 0 (RFC 3629, section 4).
std::size_t utf8_sequence_length(std::string_view bytes, char32_t& code_point) {
  const auto at = [&](std::size_t i) -> unsigned {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  const unsigned lead = at(0);
  std::size_t length = 0;
  if (lead < 0x80) {
    code_point = lead;
    return 1;
  }
  if (lead >= 0xc2 && lead <= 0xdf) length = 2;
  if (lead >= 0xe0 && lead <= 0xef) length = 3;
  if (lead >= 0xf0 && lead <= 0xf4) length = 4;
  if (length == 0 || bytes.size() < length) return 0;
  code_point = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0U) != 0x80U) return 0;
    code_point = code_point << 6 | (at(i) & 0x3fU);
  }
  const bool overlong =
      (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  return overlong || surrogate || code_point > 0x10ffff ? 0 : length;
}

/// Controls, and the marks that reorder or hide text on a screen.
bool is_unsafe_to_show(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
         (c >= 0xe0000 && c <= 0xe007f);
}

/// At least four hexadecimal digits, as Unicode writes them.
std::string code_point_digits(char32_t code_point) {
  std::string digits;
  for (auto rest = static_cast<std::uint32_t>(code_point); rest != 0 || digits.size() < 4;
       rest >>= 4) {
    digits.insert(digits.begin(), kHexDigits[rest & 0xfU]);
  }
  return digits;
}

}  // namespace

std::string hex_encode(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 15U]);
  }
  return text;
}

Result<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return invalid_argument("reading hexadecimal: odd length");
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) {
      return invalid_argument("reading hexadecimal: not a lower-case digit");
    }
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

std::string base64_encode(std::string_view bytes) {
  return encode64(bytes, kBase64Alphabet, Padding::kRequired);
}

Result<std::string> base64_decode(std::string_view text) {
  return decode64(text, kBase64Alphabet, Padding::kRequired);
}

std::string base64url_encode(std::string_view bytes) {
  return encode64(bytes, kBase64UrlAlphabet, Padding::kNone);
}

Result<std::string> base64url_decode(std::string_view text) {
  return decode64(text, kBase64UrlAlphabet, Padding::kNone);
}

std::string escape_for_message(std::string_view bytes, std::size_t bytes_max) {
  const bool cut = bytes.size() > bytes_max;
  if (cut) bytes = bytes.substr(0, bytes_max);
  std::string text;
  while (!bytes.empty()) {
    char32_t code_point = 0;
    const std::size_t length = utf8_sequence_length(bytes, code_point);
    if (length == 0 || is_unsafe_to_show(code_point) || code_point == U'\\') {
      const std::size_t raw = length == 0 ? 1 : length;
      for (const char c : bytes.substr(0, raw)) text += "\\x" + hex_encode({&c, 1});
      bytes.remove_prefix(raw);
    } else {
      text.append(bytes.substr(0, length));
      bytes.remove_prefix(length);
    }
  }
  if (cut) text += "…";
  return text;
}

std::string show_line(std::string_view line) {
  std::string text;
  while (!line.empty()) {
    char32_t code_point = 0;
    const std::size_t length = utf8_sequence_length(line, code_point);
    if (length == 0) {
      text += "<0x" + hex_encode(line.substr(0, 1)) + ">";
      line.remove_prefix(1);
      continue;
    }
    if (code_point != U'\t' && is_unsafe_to_show(code_point)) {
      text += "<U+" + code_point_digits(code_point) + ">";
    } else {
      text.append(line.substr(0, length));
    }
    line.remove_prefix(length);
  }
  return text;
}

bool is_valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    char32_t code_point = 0;
    const std::size_t length = utf8_sequence_length(bytes, code_point);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace statehouse
