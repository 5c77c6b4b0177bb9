#include "tests/api/routes_fixture.h"

namespace statehouse::test {

namespace {

AuthenticatedCaller auditor(RoutesFixture& fixture, const std::string& repositories = "") {
  return fixture.as("alice", TokenScope::kAdmin, repositories);
}

}  // namespace

TEST_CASE_FIXTURE(RoutesFixture, "a token for some repositories does not read the log's entries") {
  push_commit();
  settle();
  const std::string tile = "/log/tile/entries/000.p/" + std::to_string(ledger().checkpoint().size);
  for (const std::string& path : {std::string("/v1/entries"), std::string("/v1/entries/0"), tile}) {
    CAPTURE(path);
    CHECK(get(auditor(*this), path).status == 200);
    CHECK(get(auditor(*this, "platform"), path).status == 403);
    CHECK(get(auditor(*this, "**"), path).status == 403);
    CHECK(get(as("carol"), path).status == 403);
  }
  CHECK(get(auditor(*this, "platform"), "/v1/entries").words().find("some repositories only") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(RoutesFixture, "a token for some repositories reads checkpoint and hash tiles") {
  push_commit();
  settle();
  const AuthenticatedCaller narrowed = auditor(*this, "platform");
  CHECK(get(narrowed, "/log/checkpoint").status == 200);
  CHECK(get(narrowed, "/log/tile/0/000.p/" + std::to_string(ledger().checkpoint().size)).status ==
        200);
  CHECK(get(narrowed, "/v1/entries/0/proof").status == 200);
}

TEST_CASE_FIXTURE(RoutesFixture,
                  "a token for some repositories is not told which refs are damaged") {
  core().alarms.raise("ref-file", "mirror:refs/heads/deploy", "differs");
  CHECK(get(auditor(*this), "/readyz").body["degraded"][0]["where"] == "mirror:refs/heads/deploy");
  CHECK(get(auditor(*this, "platform"), "/readyz").body["degraded"][0]["where"].is_null());
}

TEST_CASE_FIXTURE(RoutesFixture, "a token for some repositories does not list tokens") {
  CHECK(get(auditor(*this), "/v1/tokens").status == 200);
  CHECK(get(auditor(*this, "platform"), "/v1/tokens").status == 403);
}

}  // namespace statehouse::test
