#include "store/model/name.h"

#include <doctest/doctest.h>

#include "store/model/oid.h"

namespace statehouse {

TEST_CASE("ref names that Git, a shell or a log could misread are refused") {
  for (const char* bad : {"",
                          "main",
                          "HEAD",
                          "refs/",
                          "refs/heads",
                          "refs/heads/",
                          "refs//a",
                          "refs/heads//a",
                          "refs/heads/a/",
                          "/refs/heads/a",
                          "refs/heads/.a",
                          "refs/heads/a.",
                          "refs/heads/a..b",
                          "refs/heads/a.lock",
                          "refs/heads/a.lock/b",
                          "refs/heads/@",
                          "refs/heads/a@{1}",
                          "refs/heads/a b",
                          "refs/heads/a~1",
                          "refs/heads/a^",
                          "refs/heads/a:b",
                          "refs/heads/a?",
                          "refs/heads/a*",
                          "refs/heads/[a",
                          "refs/heads/a\\b",
                          "refs/heads/-a",
                          "refs/heads/--upload-pack=x",
                          "refs/heads/a;b",
                          "refs/heads/a$b",
                          "refs/heads/a`b",
                          "refs/heads/a\nb",
                          "refs/heads/a\x7f",
                          "refs/heads/\xc3\xa9",
                          "refs/heads/a,b"}) {
    CAPTURE(bad);
    CHECK_FALSE(RefName::parse(bad));
  }
  CHECK_FALSE(RefName::parse("refs/heads/" + std::string(300, 'a')));
}

TEST_CASE("ordinary ref names are accepted and shortened") {
  for (const char* good :
       {"refs/heads/main", "refs/heads/change/42", "refs/tags/v1.2.3", "refs/heads/a_b-c+d=e"}) {
    CHECK(RefName::parse(good));
  }
  CHECK(RefName::parse("refs/heads/change/42")->short_name() == "change/42");
  CHECK(RefName::parse("refs/notes/x")->short_name() == "refs/notes/x");
}

TEST_CASE("repository names that could leave their folder or alias another are refused") {
  for (const char* bad : {"",        "/",
                          "a/",      "/a",
                          "a//b",    ".",
                          "..",      "a/..",
                          "A",       "a.git",
                          "a.git/b", "a b",
                          "-a",      "a-",
                          "a..b",    "a___b",
                          "a._b",    "_a",
                          "a\nb",    "a%2fb",
                          "a/./b",   "a/b/c/d/e/f/g/h/i"}) {
    CAPTURE(bad);
    CHECK_FALSE(RepositoryName::parse(bad));
  }
  for (const char* good : {"platform", "team/app", "a1/b-c/d.e/f_g/h__i/j--k"})
    CHECK(RepositoryName::parse(good));
}

TEST_CASE("resource names are lower-case words") {
  for (const char* bad : {"", "A", "-a", "a-", ".a", "a b", "a/b", "a:b"})
    CHECK_FALSE(ResourceName::parse(bad));
  CHECK_FALSE(ResourceName::parse(std::string(64, 'a')));
  for (const char* good : {"a", "alice", "team-1.x_y"}) CHECK(ResourceName::parse(good));
}

TEST_CASE("tree paths stay inside the tree") {
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {""sv, "/a"sv, "a/"sv, "a//b"sv, "."sv, ".."sv, "a/../b"sv, "a\0b"sv}) {
    CHECK_FALSE(TreePath::parse(bad));
  }
  CHECK(TreePath::parse("clusters/production/apps.yaml"));
}

TEST_CASE("object ids are 40 lower-case digits") {
  const std::string hex = "0123456789abcdef0123456789abcdef01234567";
  CHECK(Oid::parse(hex)->hex() == hex);
  for (const std::string& bad :
       {std::string(), hex.substr(1), hex + "0", "G" + hex.substr(1), "A" + hex.substr(1)}) {
    CHECK_FALSE(Oid::parse(bad));
  }
  CHECK(Oid().is_zero());
}

}  // namespace statehouse
