#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "tests/policy/policy_fixture.h"

namespace statehouse {

namespace {

using test::configured;
using test::name;
using test::organisation;
using test::ref;
using test::verdict;
using test::with;

const RefKey kAudit = ref("platform:refs/heads/audit");
const RefKey kDeploy = ref("platform:refs/heads/deploy");
const RefKey kSystem = ref("system:refs/heads/deploy");

/// The organisation with the flow's `promote` and `merge` left out.
std::string by_default() {
  return with(organisation(), "  promote: [group:developers]\n  merge: {by: [group:reviewers]}\n",
              "");
}

}  // namespace

TEST_CASE("what no policy grants cannot be read") {
  const Configuration configuration = configured(organisation());
  CHECK_FALSE(may_read(configuration, std::nullopt, kAudit));
  CHECK_FALSE(may_read(configuration, name("dave"), kAudit));
  CHECK_FALSE(may_read(configuration, name("stranger"), kAudit));
  CHECK_FALSE(may_read(configuration, name("carol"), kSystem));
  CHECK_FALSE(may_read(configuration, name("carol"), ref("platform:refs/heads/other")));
  CHECK_FALSE(may_read(configuration, name("carol"), ref("other:refs/heads/audit")));
}

TEST_CASE("read grants add up over policies, and anyone is everybody") {
  CHECK(may_read(configured(organisation()), name("carol"), kAudit));
  const std::string more = organisation() +
                           "---\napiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: more}\n"
                           "spec:\n  match: {repositories: [\"**\"], refs: [\"refs/**\"]}\n"
                           "  read: [dave]\n";
  CHECK(may_read(configured(more), name("dave"), kAudit));
  CHECK(may_read(configured(more), name("carol"), kAudit));
  CHECK_FALSE(may_read(configured(more), name("dave"), kSystem));
  const Configuration open = configured(with(more, "read: [dave]", "read: [anyone]"));
  CHECK(may_read(open, std::nullopt, kAudit));
  CHECK(may_read(open, name("stranger"), kAudit));
  CHECK_FALSE(may_read(open, std::nullopt, kSystem));
}

TEST_CASE("administrators read everything, auditors every entry, and nobody else") {
  const Configuration configuration = configured(organisation());
  CHECK(may_read(configuration, name("alice"), kSystem));
  CHECK(may_read(configuration, name("alice"), ref("other:refs/heads/x")));
  CHECK(is_administrator(configuration, name("bob")));
  CHECK_FALSE(is_administrator(configuration, name("dave")));
  CHECK_FALSE(may_read_entries(configuration, std::nullopt));
  CHECK_FALSE(may_read_entries(configuration, name("carol")));
  CHECK(may_read_entries(configuration, name("dave")));
  CHECK(may_read_entries(configuration, name("alice")));
}

TEST_CASE("of a list, only what may be read is left") {
  const std::vector<RefKey> all{kDeploy, kSystem, kAudit};
  CHECK(readable(configured(organisation()), name("carol"), all) ==
        std::vector<RefKey>{kDeploy, kAudit});
  CHECK(readable(configured(organisation()), std::nullopt, all).empty());
}

TEST_CASE("only those named may open or merge a promotion") {
  const Configuration configuration = configured(organisation());
  const ResourceName deploy = name("deploy");
  CHECK(verdict(evaluate_open_permission(configuration, deploy, kAudit, name("carol"))) ==
        "promote");
  CHECK(verdict(evaluate_open_permission(configuration, deploy, kSystem, name("alice"))) == "flow");
  CHECK(verdict(evaluate_open_permission(configuration, name("none"), kAudit, name("alice"))) ==
        "flow");
  CHECK(verdict(evaluate_merge_permission(configuration, deploy, kAudit, name("ci"))) == "merge");
  CHECK(verdict(evaluate_open_permission(configuration, deploy, kAudit, name("ci"))) == "allowed");
  CHECK(verdict(evaluate_merge_permission(configuration, deploy, kAudit, name("carol"))) ==
        "allowed");
}

TEST_CASE("by default those named as readers of both ends open and merge, administrators not") {
  const Configuration configuration = configured(by_default());
  const auto may_open = [&](std::string_view who) {
    return evaluate_open_permission(configuration, name("deploy"), kAudit, name(who)).allow;
  };
  CHECK_FALSE(may_open("dave"));
  CHECK(may_open("carol"));
  CHECK(evaluate_merge_permission(configuration, name("deploy"), kAudit, name("carol")).allow);
  const Configuration root =
      configured(with(by_default(), "members: [bob, alice]", "members: [bob, alice, dave]"));
  CHECK(may_read(root, name("dave"), kAudit));
  CHECK_FALSE(evaluate_open_permission(root, name("deploy"), kAudit, name("dave")).allow);
}

TEST_CASE("reading as anyone does not let anyone merge") {
  std::string yaml = by_default();
  const std::string grant = "  read: [group:developers, group:reviewers]\n  update: {by: [";
  yaml = with(yaml, grant + "group:developers]",
              "  read: [anyone]\n  update: {by: [group:developers]");
  yaml = with(yaml, grant + "flow:deploy]", "  read: [anyone]\n  update: {by: [flow:deploy]");
  const Configuration configuration = configured(yaml);
  CHECK_FALSE(evaluate_merge_permission(configuration, name("deploy"), kAudit, name("dave")).allow);
}

TEST_CASE("a policy digest changes with what matters for the ref and with nothing else") {
  const auto digest = [](const std::string& yaml) {
    return policy_digest(configured(yaml), kDeploy, name("deploy"));
  };
  const std::string before = digest(organisation());
  CHECK(before.starts_with("sha256:"));
  CHECK(before.size() == 7 + 64);
  CHECK(digest(with(organisation(), "validFor: 7d", "validFor: 8d")) != before);
  CHECK(digest(with(organisation(), "{by: [flow:deploy]}", "{by: [flow:deploy, flow:system]}")) !=
        before);
  CHECK(digest(with(organisation(), "members: [alice, bob, carol]", "members: [alice, bob]")) !=
        before);
  CHECK(policy_digest(configured(organisation()), kDeploy) != before);
  CHECK(digest(with(organisation(), "members: [dave]", "members: [carol]")) == before);
  CHECK(digest(with(organisation(), "committerIsSigner: true", "committerIsSigner: false")) ==
        before);
  CHECK(digest(with(organisation(), "members: [alice, bob, carol]",
                    "members: [carol, bob, alice]")) == before);
}

}  // namespace statehouse
