#include "api/http/router.h"

#include <doctest/doctest.h>

#include <string>

namespace statehouse {

namespace {

struct Table {
  Result<> add(Method method, std::string pattern) {
    return router.add(
        {method, std::move(pattern), Access::kPublic, Lane::kQuick, 0,
         [](HttpRequest&) -> Result<HttpResponse> { return HttpResponse::empty(204); }});
  }
  /// "pattern name=value …", or "404", or "405".
  [[nodiscard]] std::string find(Method method, std::string_view path) const {
    const RouteMatch match = router.find(method, path);
    if (match.route == nullptr) return match.allowed.empty() ? "404" : "405";
    std::string text = match.route->pattern;
    for (const auto& [name, value] : match.parameters) text += " " + name + "=" + value;
    return text;
  }
  [[nodiscard]] std::string get(std::string_view path) const { return find(Method::kGet, path); }

  Router router;
};

}  // namespace

TEST_CASE_FIXTURE(Table, "patterns that could not be understood are refused") {
  for (const char* pattern : {"", "a", "/{", "/{}", "/{a", "/a}", "/{a}b", "/{...}", "/{a-b}",
                              "/{a...}/{b}", "/{a...}/{b...}", "/x{a}"}) {
    CAPTURE(pattern);
    CHECK_FALSE(add(Method::kGet, pattern).has_value());
  }
  CHECK_FALSE(add(Method::kHead, "/a").has_value());
}

TEST_CASE_FIXTURE(Table, "two routes of one shape and method are refused") {
  REQUIRE(add(Method::kGet, "/a/{x}").has_value());
  CHECK(add(Method::kGet, "/a/{y}").error().code == ErrorCode::kConflict);
  CHECK(add(Method::kPost, "/a/{y}").has_value());
  REQUIRE(add(Method::kGet, "/t/{x...}/end").has_value());
  CHECK_FALSE(add(Method::kGet, "/t/{y...}/end").has_value());
}

TEST_CASE_FIXTURE(Table, "what no pattern names does not exist") {
  REQUIRE(add(Method::kGet, "/v1/things/{id}").has_value());
  REQUIRE(add(Method::kGet, "/git/{repository...}/info/refs").has_value());
  for (const char* path :
       {"/", "", "/v1", "/v1/things", "/v1/things/", "/v1/things/1/", "//v1/things/1",
        "/v1//things/1", "/v1/things/1/2", "/git/info/refs", "/git//info/refs",
        "/git/a//b/info/refs", "/git/a/info/refs/", "/git/a/info", "v1/things/1"}) {
    CAPTURE(path);
    CHECK(get(path) == "404");
  }
}

TEST_CASE_FIXTURE(Table, "a known path with another method lists the methods it has") {
  REQUIRE(add(Method::kGet, "/a").has_value());
  REQUIRE(add(Method::kDelete, "/a").has_value());
  CHECK(find(Method::kPost, "/a") == "405");
  CHECK(router.find(Method::kPost, "/a").allowed ==
        std::vector<Method>{Method::kGet, Method::kHead, Method::kDelete});
}

TEST_CASE_FIXTURE(Table, "the more exact pattern wins, and a dead end is left again") {
  for (const char* pattern : {"/a/b", "/a/{x}", "/a/{x}/c", "/a/{rest...}", "/a/{rest...}/end",
                              "/a/b/{rest...}/very/end"}) {
    REQUIRE(add(Method::kGet, pattern).has_value());
  }
  CHECK(get("/a/b") == "/a/b");
  CHECK(get("/a/z") == "/a/{x} x=z");
  CHECK(get("/a/b/c") == "/a/{x}/c x=b");
  CHECK(get("/a/b/d") == "/a/{rest...} rest=b/d");
  CHECK(get("/a/1/2/end") == "/a/{rest...}/end rest=1/2");
  CHECK(get("/a/b/q/very/end") == "/a/b/{rest...}/very/end rest=q");
}

TEST_CASE_FIXTURE(Table, "HEAD finds the GET route") {
  REQUIRE(add(Method::kGet, "/a").has_value());
  CHECK(find(Method::kHead, "/a") == "/a");
}

TEST_CASE_FIXTURE(Table, "each method of one shape has its own parameter names") {
  REQUIRE(add(Method::kGet, "/a/{x}").has_value());
  REQUIRE(add(Method::kPost, "/a/{y}").has_value());
  CHECK(find(Method::kGet, "/a/1") == "/a/{x} x=1");
  CHECK(find(Method::kPost, "/a/1") == "/a/{y} y=1");
}

TEST_CASE_FIXTURE(Table, "a path of thousands of segments costs no stack") {
  REQUIRE(add(Method::kGet, "/{a}/{b}/{rest...}/end").has_value());
  std::string path;
  for (int i = 0; i < 4000; ++i) path += "/x";
  CHECK(get(path) == "404");
  CHECK(get(path + "/end").starts_with("/{a}"));
}

TEST_CASE_FIXTURE(Table, "every route can be listed") {
  REQUIRE(add(Method::kGet, "/a").has_value());
  REQUIRE(add(Method::kPost, "/b").has_value());
  REQUIRE(router.routes().size() == 2);
  CHECK(router.routes().back()->pattern == "/b");
}

}  // namespace statehouse
