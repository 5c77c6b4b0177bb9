#include "store/ledger/sqlite.h"
#include "tests/api/routes_fixture.h"

namespace statehouse::test {

namespace {

/// From a branch of the developers to one that administrators alone read.
constexpr const char* kHiddenTarget = R"(apiVersion: statehouse/v1
kind: Policy
metadata: {name: vault}
spec:
  match: {repositories: [platform], refs: [refs/heads/vault]}
  read: [group:administrators]
  update: {by: ["flow:vault"]}
---
apiVersion: statehouse/v1
kind: Flow
metadata: {name: vault}
spec:
  from: {repository: platform, ref: "refs/heads/topic/**"}
  to: {repository: platform, ref: refs/heads/vault}
  strategy: seal
  promote: [group:developers]
  merge: {by: [group:reviewers]}
  approvals: [{count: 1, from: [group:reviewers], validFor: 7d}]
)";

/// A target that holds `old.yaml`, and an open promotion of another branch to it.
class HiddenTarget : public RoutesFixture {
 public:
  HiddenTarget() {
    declare({{"vault.yaml", kHiddenTarget}});
    first = push_topic("refs/heads/topic/a", {.files = {{"old.yaml", "kind: Old\n"}}});
    merged = open("alice", "vault", first);
    accepted(approve("bob", merged));
    accepted(merge("bob", merged));
    number = open("alice", "vault",
                  push_topic("refs/heads/topic/b", {.files = {{"new.yaml", "kind: New\n"}}}));
  }

  Oid push_topic(const std::string& ref, const CommitPlan& plan) {
    const Oid made = workshop.commit(plan);
    REQUIRE(push("alice", "platform", {{ref, made}}).accepted());
    return made;
  }

  RouteAnswer comment(std::string_view who, const std::string& path) {
    return post(as(who), promotion_path(number, "/comments"),
                {{"message", "look here"}, {"path", path}});
  }

  Oid first;
  PromotionNumber merged = 0;
  PromotionNumber number = 0;
};

}  // namespace

TEST_CASE_FIXTURE(HiddenTarget, "who reads both refs sees where the target stands") {
  const RouteAnswer shown = get(as("alice"), promotion_path(number));
  CHECK(shown.body["target"]["base"] == tip("platform:refs/heads/vault").hex());
  CHECK(shown.body["target"]["baseVersion"] == 1);
  CHECK(shown.body["targetOwnChanges"] == Json::array({1}));
  CHECK(get(as("alice"), promotion_path(merged)).body["merged"]["version"] == 1);
  CHECK(get(as("alice"), promotion_path(number, "/changes")).body["changes"].size() == 2);
  CHECK(get(as("alice"), promotion_path(number, "/statement")).status == 200);
}

TEST_CASE_FIXTURE(HiddenTarget,
                  "a promotion tells who reads its source alone nothing of the target") {
  const Json shown = get(as("carol"), promotion_path(number)).body;
  const Json list = get(as("carol"), "/v1/promotions").body["promotions"];
  REQUIRE(list.size() == 1);
  for (const Json& json : {shown, list[0]}) {
    CHECK(json["target"]["ref"] == "refs/heads/vault");
    CHECK(json["target"]["base"].is_null());
    CHECK(json["target"]["baseVersion"].is_null());
    CHECK(json["targetOwnChanges"].is_null());
    CHECK(json["blockedBy"] == Json::array({"approvals", "target-has-own-changes"}));
    CHECK(dump_json(json).find(tip("platform:refs/heads/vault").hex()) == std::string::npos);
    CHECK(dump_json(json["decision"]).find("version 1") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(HiddenTarget, "why a promotion cannot be looked at tells nothing of the target") {
  Database database = must(Database::open(store->layout().ledger(), Database::Mode::kReadWrite));
  // The error names the commit that the target's last promotion made.
  must(database.execute("UPDATE promotions SET source_commit = zeroblob(20) WHERE number = " +
                        std::to_string(merged)));
  const auto error_for = [&](std::string_view who) {
    return get(as(who), "/v1/promotions").body["promotions"][0]["error"].get<std::string>();
  };
  const std::string made = tip("platform:refs/heads/vault").hex();
  CHECK(error_for("alice").find(made) != std::string::npos);
  CHECK(error_for("carol").find("it cannot be looked at") != std::string::npos);
  CHECK(error_for("carol").find(made) == std::string::npos);
  CHECK(get(as("alice"), promotion_path(number)).words().find(made) != std::string::npos);
  CHECK(get(as("carol"), promotion_path(number)).words().find(made) == std::string::npos);
}

TEST_CASE_FIXTURE(HiddenTarget, "what an approval gives up of the target is shown") {
  CHECK(get(as("alice"), promotion_path(number)).body["drops"] == Json::array());
  accepted(approve_with("bob", number, "bob", [](auto& s) { s.drops = {1}; }));
  const Json shown = get(as("alice"), promotion_path(number)).body;
  CHECK(shown["drops"] == Json::array({1}));
  CHECK(shown["approvals"][0]["drops"] == Json::array({1}));
  const Json hidden = get(as("carol"), promotion_path(number)).body;
  CHECK(hidden["drops"].is_null());
  CHECK(hidden["approvals"][0]["drops"].is_null());
}

TEST_CASE_FIXTURE(HiddenTarget, "a merged promotion does not name the version of a hidden target") {
  const Json shown = get(as("carol"), promotion_path(merged)).body;
  CHECK(shown["state"] == "merged");
  CHECK(shown["merged"]["version"].is_null());
  CHECK(shown["merged"]["commit"].is_null());
}

TEST_CASE_FIXTURE(HiddenTarget,
                  "opening does not name what of a hidden target holds the commit already") {
  const RouteAnswer opened =
      post(as("carol"), "/v1/promotions",
           {{"flow", "vault"}, {"ref", "refs/heads/topic/a"}, {"commit", first.hex()}});
  CHECK(opened.status == 409);
  CHECK(opened.words().find("there is nothing to promote: the target holds it already") !=
        std::string::npos);
  const RouteAnswer told =
      post(as("alice"), "/v1/promotions",
           {{"flow", "vault"}, {"ref", "refs/heads/topic/a"}, {"commit", first.hex()}});
  CHECK(told.words().find("promotion " + std::to_string(merged)) != std::string::npos);
}

TEST_CASE_FIXTURE(HiddenTarget, "changes and statement are refused without the target") {
  for (const char* rest : {"/changes", "/statement"}) {
    const RouteAnswer answer = get(as("carol"), promotion_path(number, rest));
    CHECK(answer.status == 403);
    CHECK(answer.words().find("its target platform:refs/heads/vault may not be read") !=
          std::string::npos);
  }
  CHECK(get(as("mallory"), promotion_path(number, "/changes")).status == 404);
}

TEST_CASE_FIXTURE(HiddenTarget, "a refused merge does not name versions of a hidden target") {
  const RouteAnswer refused = post(as("carol"), promotion_path(number, "/merge"), Json::object());
  CHECK(refused.status == 403);
  const std::string text = dump_json(refused.body);
  CHECK(text.find("the target has changes that the source lacks") != std::string::npos);
  CHECK(text.find("version 1") == std::string::npos);
}

TEST_CASE_FIXTURE(HiddenTarget, "who may not read the target does not judge the promotion") {
  const Json envelope = must(parse_json(approval_envelope(number, "carol")));
  const RouteAnswer answer =
      post(as("carol"), promotion_path(number, "/approvals"), {{"envelope", envelope}});
  CHECK(answer.status == 403);
  CHECK(must(ledger().approvals(number)).empty());
  CHECK(
      post(as("mallory"), promotion_path(number, "/approvals"), {{"envelope", envelope}}).status ==
      404);
}

TEST_CASE_FIXTURE(HiddenTarget, "a comment does not tell which paths a hidden target has") {
  CHECK(comment("carol", "new.yaml").status == 200);
  const RouteAnswer held = comment("carol", "old.yaml");
  CHECK(held.status == 400);
  CHECK(held.words().find("target") == std::string::npos);
  CHECK(comment("carol", "neither.yaml").status == 400);
  CHECK(comment("alice", "old.yaml").status == 200);
}

}  // namespace statehouse::test
