#include "crypto/base/json.h"

#include <doctest/doctest.h>

namespace statehouse {

TEST_CASE("JSON that two parsers could read differently is refused") {
  for (const char* bad :
       {"", "{", "{} {}", "{\"a\":1,\"a\":2}", "{\"b\":{\"a\":1,\"a\":2}}", "\xef\xbb\xbf{}",
        "{\"a\":01}", "{'a':1}", "[1,]", "{\"a\":\"\\ud800\"}", "\"\xff\"", "NaN", "/* c */ {}"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_json(bad));
  }
}

TEST_CASE("nesting and size are bounded before anything is built") {
  const std::string deep(40, '[');
  CHECK_FALSE(parse_json(deep + std::string(40, ']')));
  CHECK(parse_json("[[[]]]", 100, 3));
  CHECK_FALSE(parse_json("[[[]]]", 100, 2));
  CHECK_FALSE(parse_json("[1,2,3]", 6));
}

TEST_CASE("the same name may occur in two different objects") {
  CHECK(parse_json(R"([{"a":1},{"a":2}])"));
  CHECK(parse_json(R"({"a":{"a":1}})"));
}

TEST_CASE("a member of another type or an absent one is an error, not a default") {
  const Json object =
      parse_json(R"({"s":"x","n":7,"big":18446744073709551615,"b":true,"f":1.5})").value();
  CHECK(json_string(object, "s").value() == "x");
  CHECK(json_integer(object, "n").value() == 7);
  CHECK(json_boolean(object, "b").value());
  CHECK_FALSE(json_string(object, "n"));
  CHECK_FALSE(json_integer(object, "f"));
  CHECK_FALSE(json_integer(object, "big"));
  CHECK_FALSE(json_boolean(object, "absent"));
  CHECK_FALSE(json_string(Json::array(), "s"));
}

TEST_CASE("writing JSON sorts names and never throws on bytes that are not UTF-8") {
  Json object;
  object["b"] = 1;
  object["a"] = "\xff";
  CHECK(dump_json(object) == "{\"a\":\"\xef\xbf\xbd\",\"b\":1}");
}

}  // namespace statehouse
