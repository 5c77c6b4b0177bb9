#include "cli/last_seen.h"

#include <doctest/doctest.h>

#include "tests/cli/store_fixture.h"

namespace statehouse {

TEST_CASE("a damaged state is an error, never nothing") {
  for (
      const char* text :
      {"", "{}", "null", R"({"format":"other"})",
       R"({"format":"statehouse-last-seen-v1","origin":"a","epoch":-1,"checkpoint":null,"refs":[]})",
       R"({"format":"statehouse-last-seen-v1","origin":"a","epoch":1,"refs":[]})",
       R"({"format":"statehouse-last-seen-v1","origin":"a","epoch":1,"checkpoint":null,"refs":{}})",
       R"({"format":"statehouse-last-seen-v1","origin":"a","epoch":1,"checkpoint":{"size":1,"root":"x"},"refs":[]})",
       R"({"format":"statehouse-last-seen-v1","origin":"a","epoch":1,"checkpoint":null,"refs":[{"repository":"..","ref":"refs/heads/a","version":1,"commit":"","tree":""}]})"}) {
    CAPTURE(text);
    CHECK(LastSeen::parse(text).error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("a state reads back as it was written") {
  test::TestStore store;
  store.issue_version();
  CHECK(LastSeen::parse(store.seen().serialise()) == store.seen());
  CHECK(LastSeen::parse(LastSeen().serialise()) == LastSeen());
}

TEST_CASE("an absent file is nothing seen, and a saved one is found again") {
  const auto directory = TemporaryDirectory::create("/tmp", "cli-").value();
  test::TestStore store;
  store.issue_version();
  UnwatchedSteps steps;
  CHECK(LastSeen::load(directory.path() / "state") == LastSeen());
  REQUIRE(store.seen().save(directory.path() / "state", steps));
  CHECK(LastSeen::load(directory.path() / "state") == store.seen());
}

}  // namespace statehouse
