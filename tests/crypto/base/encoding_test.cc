#include "crypto/base/encoding.h"

#include <doctest/doctest.h>

namespace statehouse {

TEST_CASE("base64 refuses every text that is not the one canonical text of its bytes") {
  for (const char* bad : {"A", "AA", "AAA", "AA=", "A===", "====", "AB==", "AAB=", "AA==\n",
                          " AA==", "AA=A", "A-__", "AAAA=", "AAAA===="}) {
    CAPTURE(bad);
    CHECK_FALSE(base64_decode(bad));
  }
}

TEST_CASE("base64 matches the vectors of RFC 4648 section 10") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text).value() == bytes);
  }
}

TEST_CASE("base64url has no padding and refuses the standard alphabet") {
  CHECK(base64url_encode("\xfb\xff") == "-_8");
  CHECK(base64url_decode("-_8").value() == "\xfb\xff");
  CHECK_FALSE(base64url_decode("+/8"));
  CHECK_FALSE(base64url_decode("-_8="));
  CHECK_FALSE(base64url_decode("-_9"));
}

TEST_CASE("hexadecimal refuses upper case, odd length and other characters") {
  for (const char* bad : {"A", "0", "0G", "AB", "0x", "a ", "abc"}) CHECK_FALSE(hex_decode(bad));
  CHECK(hex_decode("00ff").value() == std::string("\0\xff", 2));
  CHECK(hex_encode(std::string("\0\xff", 2)) == "00ff");
}

TEST_CASE("escaping leaves no byte that could drive a terminal") {
  CHECK(escape_for_message("a\x1b[31mb") == "a\\x1b[31mb");
  CHECK(escape_for_message("\r\n\t") == "\\x0d\\x0a\\x09");
  CHECK(escape_for_message("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(escape_for_message("\xe2\x80\xae") == "\\xe2\\x80\\xae");
  CHECK(escape_for_message("\xff") == "\\xff");
  CHECK(escape_for_message("back\\slash") == "back\\x5cslash");
  CHECK(escape_for_message("Zürich") == "Zürich");
  CHECK(escape_for_message("abcdef", 3) == "abc…");
}

TEST_CASE("a line is shown as it is, except for what would not be seen or would move the rest") {
  CHECK(show_line("key:\tval\\ue Zürich") == "key:\tval\\ue Zürich");
  CHECK(show_line("a\x1b[31mb\r") == "a<U+001b>[31mb<U+000d>");
  CHECK(show_line("\xe2\x80\xae") == "<U+202e>");
  CHECK(show_line("\xf3\xa0\x80\x81") == "<U+e0001>");
  CHECK(show_line("\xc0\x80\xff") == "<0xc0><0x80><0xff>");
  CHECK(show_line(std::string_view("\0", 1)) == "<U+0000>");
  CHECK(show_line(std::string(300, 'x')).size() == 300);
}

TEST_CASE("UTF-8 validity refuses overlong forms, surrogates and cut sequences") {
  for (const char* bad : {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\x80", "\xff"}) {
    CHECK_FALSE(is_valid_utf8(bad));
  }
  for (const char* good :
       {"", "a", "\xc2\x80", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    CHECK(is_valid_utf8(good));
  }
}

}  // namespace statehouse
