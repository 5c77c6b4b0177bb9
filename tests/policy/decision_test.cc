#include "policy/decision.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace statehouse {

TEST_CASE("a decision that looked at nothing refuses") {
  Decision decision;
  CHECK_FALSE(decision.allow);
  decision.settle();
  CHECK_FALSE(decision.allow);
}

TEST_CASE("one failing rule refuses, whatever passed") {
  Decision decision;
  decision.pass("p", "update", "fine");
  decision.fail("p", "signatures", "not signed", "sign it");
  decision.pass("q", "signatures", "fine");
  decision.settle();
  CHECK_FALSE(decision.allow);
  CHECK(decision.blocked_by() == std::vector<std::string>{"signatures"});
}

TEST_CASE("a failing rule under evaluation lets pass and is remembered") {
  Decision decision;
  decision.pass("p", "update", "fine");
  decision.fail("q", "signatures", "not signed", "sign it", Enforcement::kEvaluate);
  decision.settle();
  CHECK(decision.allow);
  CHECK(decision.would_deny);
  CHECK(decision.blocked_by().empty());
  CHECK(remote_lines(decision) ==
        std::vector<std::string>{"would-deny: q/signatures: not signed", "fix: sign it"});
}

TEST_CASE("the pusher reads policy, rule, reason and fix") {
  Decision decision;
  decision.pass("p", "update", "fine");
  decision.fail("p", "signatures", "commit 1 is not signed", "sign it");
  decision.fail("store", "ungoverned", "no policy", "");
  CHECK(remote_lines(decision) ==
        std::vector<std::string>{"denied: p/signatures: commit 1 is not signed", "fix: sign it",
                                 "denied: store/ungoverned: no policy"});
}

TEST_CASE("the JSON has the contract's names") {
  Decision decision;
  decision.fail("p", "signatures", "r", "f");
  decision.settle();
  CHECK(to_json(decision).dump() ==
        R"({"allow":false,"rules":[{"enforcement":"enforce","fix":"f","pass":false,"policy":"p",)"
        R"("reason":"r","rule":"signatures"}],"wouldDeny":false})");
}

}  // namespace statehouse
