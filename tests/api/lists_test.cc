#include <array>

#include "store/ledger/sqlite.h"
#include "tests/api/routes_fixture.h"

// What every list and every read of the REST routes does alike: pages and entity tags.

namespace statehouse::test {

namespace {

/// Every item of a list, asked for `limit` at a time.
std::vector<std::string> all_pages(RoutesFixture& fixture, const std::string& path,
                                   const std::string& member, const std::string& name) {
  std::vector<std::string> names;
  std::string cursor;
  do {
    const Json page =
        fixture.get(fixture.as("alice", TokenScope::kAdmin), path + "?limit=1&cursor=" + cursor)
            .body;
    REQUIRE(page[member].size() == 1);
    names.push_back(page[member][0][name].get<std::string>());
    cursor = page["next"].is_null() ? "" : page["next"].get<std::string>();
  } while (!cursor.empty());
  return names;
}

std::vector<std::string> names_in(const Json& list, const std::string& name) {
  std::vector<std::string> names;
  for (const Json& item : list) names.push_back(item[name].get<std::string>());
  return names;
}

}  // namespace

TEST_CASE_FIXTURE(RoutesFixture, "repositories and tokens are listed page by page") {
  push_commit();
  REQUIRE(store->tokens().create(as("alice", TokenScope::kAdmin),
                                 {.identity = name_of_resource("bob")}));
  REQUIRE(store->tokens().create(as("alice", TokenScope::kAdmin),
                                 {.identity = name_of_resource("bob")}));
  const AuthenticatedCaller alice = as("alice", TokenScope::kAdmin);
  for (const auto& [path, member, name] : {std::array{"/v1/repositories", "repositories", "name"},
                                           std::array{"/v1/tokens", "tokens", "id"}}) {
    CAPTURE(path);
    const Json whole = get(alice, path).body;
    CHECK(whole["next"].is_null());
    REQUIRE(whole[member].size() >= 2);
    CHECK(all_pages(*this, path, member, name) == names_in(whole[member], name));
  }
}

TEST_CASE_FIXTURE(RoutesFixture, "a promotion that cannot be looked at does not hide the others") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  Json list = get(as("bob"), "/v1/promotions").body["promotions"];
  CHECK(list[0]["error"].is_null());
  Database database = must(Database::open(store->layout().ledger(), Database::Mode::kReadWrite));
  must(database.execute("UPDATE promotions SET flow = 'No Name' WHERE number = " +
                        std::to_string(number)));
  push_commit({.files = {{"apps/shop.yaml", "kind: Better\n"}}});
  open("alice", "deploy");
  list = get(as("bob"), "/v1/promotions").body["promotions"];
  REQUIRE(list.size() == 2);
  CHECK(list[0]["error"].is_null());
  CHECK(list[1]["number"] == number);
  CHECK(list[1]["error"].is_string());
  CHECK(list[1]["decision"].is_null());
}

TEST_CASE_FIXTURE(RoutesFixture,
                  "every read has an entity tag, compared as a proxy may change it") {
  push_commit();
  settle();
  const AuthenticatedCaller alice = as("alice", TokenScope::kAdmin);
  for (const char* path :
       {"/trust.json", "/openapi.json", "/log/checkpoint", "/v1/entries/0/proof", "/v1/entries/0",
        "/v1/repositories", "/v1/server", "/log/tile/0/000.p/1"}) {
    CAPTURE(path);
    const RouteAnswer answer = get(alice, path);
    REQUIRE(answer.status == 200);
    REQUIRE_FALSE(answer.etag.empty());
    for (const std::string& known :
         {answer.etag, "W/" + answer.etag, "\"other\", " + answer.etag, std::string("*")}) {
      CHECK(ask(alice, Method::kGet, path, "", {{"if-none-match", known}}).status == 304);
    }
    CHECK(ask(alice, Method::kGet, path, "", {{"if-none-match", "\"other\""}}).status == 200);
  }
}

TEST_CASE_FIXTURE(RoutesFixture, "an approval says until when it counts") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  Json approval = get(as("alice"), promotion_path(number)).body["approvals"][0];
  CHECK(approval["expires"].is_null());
  CHECK(approval["validUntil"] == (clock.now() + std::chrono::days(7)).rfc3339());
  const Timestamp soon = clock.now() + std::chrono::hours(1);
  clock.advance(std::chrono::seconds(1));
  accepted(approve_with("bob", number, "bob", [&](ApprovalStatement& s) { s.expires = soon; }));
  approval = get(as("alice"), promotion_path(number)).body["approvals"][1];
  CHECK(approval["validUntil"] == soon.rfc3339());
}

TEST_CASE_FIXTURE(RoutesFixture, "a merged promotion shows the decision that merged it") {
  push_commit();
  promote("deploy");
  const Json list = get(as("alice"), "/v1/promotions?state=all").body["promotions"];
  REQUIRE(list.size() >= 1);
  const PromotionNumber number = list[0]["number"].get<PromotionNumber>();
  for (const Json& json : {list[0], get(as("alice"), promotion_path(number)).body}) {
    CHECK(json["state"] == "merged");
    CHECK(json["decision"]["allow"] == true);
    const std::string rules = dump_json(json["decision"]["rules"]);
    CHECK(rules.find("has 1 approval from group:reviewers") != std::string::npos);
    CHECK(json["phase"].is_null());
  }
}

}  // namespace statehouse::test
