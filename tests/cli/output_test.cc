#include "cli/output.h"

#include <doctest/doctest.h>

#include "cli/clone.h"
#include "cli/session.h"
#include "policy/yaml.h"

namespace statehouse {

TEST_CASE("strings that a YAML reader could take for something else are quoted") {
  for (const char* text : {"",
                           "yes",
                           "No",
                           "true",
                           "null",
                           "~",
                           "1",
                           "1e3",
                           "0x1f",
                           "-",
                           "- a",
                           "a: b",
                           "a #b",
                           "'",
                           "\"",
                           "[",
                           "{",
                           "*a",
                           "&a",
                           "!a",
                           "%a",
                           "@a",
                           "`a",
                           "2026-01-01",
                           "a\nb",
                           " a",
                           "a ",
                           "é",
                           "12345678901234567890"}) {
    CAPTURE(text);
    CHECK(to_yaml(Json(text)) == json_line(Json(text)) + "\n");
  }
  CHECK(to_yaml(Json("refs/heads/deploy")) == "refs/heads/deploy\n");
}

TEST_CASE("YAML output reads back as the same document") {
  const Json document = parse_json(R"({"a":[{"b":1,"c":[]},{"d":{}},[1,[2,3]],"x"],"e":{"f":null,
      "g":true,"h":"yes","i":-2},"j":"a\nb","k":"refs/heads/a"})")
                            .value();
  const auto nodes = parse_yaml("test", to_yaml(document));
  REQUIRE(nodes.has_value());
  Json back = yaml_to_json(nodes->front());
  CHECK(back["a"] == document["a"]);
  CHECK(back["e"]["h"] == "yes");
  CHECK(back["j"] == "a\nb");
}

TEST_CASE("a table has no trailing spaces and counts letters, not bytes") {
  TextTable table({"A", "B"});
  table.add({"é", "1"});
  table.add({"ee", ""});
  CHECK(table.render() == "A   B\né   1\nee\n");
}

TEST_CASE("what is absent, null or empty shows as a dash") {
  const Json object{{"null", nullptr}, {"empty", ""}, {"number", 3}};
  CHECK(shown(object, "absent") == "-");
  CHECK(shown(object, "null") == "-");
  CHECK(shown(object, "empty") == "-");
  CHECK(shown(object, "number") == "3");
}

TEST_CASE("only remotes of a Statehouse server name a server and a repository") {
  for (const char* url : {"", "origin", "/srv/git/platform.git", "git@example.com:git/platform.git",
                          "ssh://example.com/git/platform.git", "http://example.com/platform.git",
                          "http://example.com/git/platform", "http:///git/platform.git",
                          "http://example.com/git/../x.git", "http://example.com/git/.git",
                          "http://example.com/git/UPPER.git", "file:///git/platform.git"}) {
    CAPTURE(url);
    CHECK_FALSE(parse_clone_url(url));
  }
  const auto clone = parse_clone_url("https://git:secret@example.com:8417/git/team/app.git/");
  REQUIRE(clone);
  CHECK(clone->server == "https://example.com:8417");
  CHECK(clone->repository.str() == "team/app");
}

TEST_CASE("short refs are branches, full ones stay") {
  CHECK(expand_ref("deploy").value().str() == "refs/heads/deploy");
  CHECK(expand_ref("refs/tags/v1").value().str() == "refs/tags/v1");
  CHECK_FALSE(expand_ref(""));
  CHECK_FALSE(expand_ref("-x"));
}

TEST_CASE("times are given as a time, a date or a duration back") {
  const Timestamp now = Timestamp::parse("2026-03-01T12:00:00Z").value();
  CHECK(parse_time_argument("2026-01-31", now)->rfc3339() == "2026-01-31T00:00:00.000Z");
  CHECK(parse_time_argument("24h", now)->rfc3339() == "2026-02-28T12:00:00.000Z");
  CHECK(parse_time_argument("2026-01-31T01:00:00+01:00", now)->rfc3339() ==
        "2026-01-31T00:00:00.000Z");
  CHECK_FALSE(parse_time_argument("tomorrow", now));
}

}  // namespace statehouse
