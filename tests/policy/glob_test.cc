#include "policy/glob.h"

#include <doctest/doctest.h>

#include <string>

namespace statehouse {

namespace {

bool matches(std::string_view pattern, std::string_view name) {
  return Glob::parse(pattern).value().matches(name);
}

}  // namespace

TEST_CASE("no pattern but its literal name matches system") {
  const RepositoryName system = RepositoryName::system();
  for (const std::string_view pattern :
       {"*", "**", "s*", "sys*em", "system*", "**system", "*system"}) {
    CAPTURE(pattern);
    CHECK_FALSE(Glob::parse(pattern).value().matches(system));
    CHECK(Glob::parse(pattern).value().matches(std::string_view("system")));
  }
  CHECK(Glob::parse("system").value().matches(system));
}

TEST_CASE("patterns that do not match") {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"*", "a/b"},
      {"*", "/"},
      {"team/*", "team"},
      {"team/*", "team/a/b"},
      {"team/**", "team"},
      {"team/*/x", "team/x"},
      {"refs/heads/**/x", "refs/heads/x"},
      {"refs/heads/change/*", "refs/heads/change/a/b"},
      {"refs/heads/audit", "refs/heads/audit2"},
      {"refs/heads/audit", "xrefs/heads/audit"},
      {"refs/heads/audit", "refs/heads/Audit"},
      {"a*b", "a/b"},
      {"a*b", "ab/"},
      {"a", ""},
      {"a.b", "axb"},
  };
  for (const auto& [pattern, name] : table) {
    CAPTURE(pattern);
    CAPTURE(name);
    CHECK_FALSE(matches(pattern, name));
  }
}

TEST_CASE("patterns that match") {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"*", "platform"},
      {"**", "team/a/b"},
      {"team/*", "team/app"},
      {"team/**", "team/a/b"},
      {"team/*/x", "team/a/x"},
      {"a*b*c", "aXbYbZc"},
      {"a*b", "ab"},
      {"refs/heads/change/*", "refs/heads/change/12"},
      {"refs/**", "refs/tags/v1"},
      {"**/x", "a/b/x"},
      {"*/**", "a/b/c"},
      {"refs/heads/audit", "refs/heads/audit"},
  };
  for (const auto& [pattern, name] : table) {
    CAPTURE(pattern);
    CAPTURE(name);
    CHECK(matches(pattern, name));
  }
}

TEST_CASE("text that is no pattern is refused") {
  for (const std::string_view text :
       {"", "a?b", "[ab]", "a b", "***", "a****", "{a,b}", "a\nb", "a\\*", "!a", "ä"}) {
    CAPTURE(text);
    CHECK_FALSE(Glob::parse(text).has_value());
  }
  CHECK_FALSE(Glob::parse(std::string(256, 'a')).has_value());
  CHECK(Glob::parse(std::string(255, 'a')).has_value());
}

TEST_CASE("a pattern of many stars is matched in bounded time") {
  std::string pattern;
  for (int i = 0; i < 80; ++i) pattern += "*a";
  CHECK_FALSE(matches(pattern, std::string(255, 'a') + "b"));
}

}  // namespace statehouse
