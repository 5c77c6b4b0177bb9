#include "policy/facts.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/policy/policy_fixture.h"

namespace statehouse {

namespace {

using Emails = std::vector<std::string>;

}  // namespace

TEST_CASE("lines that name no co-author") {
  for (const std::string_view message :
       {"", "Fix it\n", "Co-authored-by\n", "Co-authored-by:\n", "Co-authored-by:   \n",
        "X-Co-authored-by: B <b@x>\n", "Co-authored-by B <b@x>\n", "> Co-authored-by: B <b@x>\n",
        "Signed-off-by: B <b@x>\n"}) {
    CAPTURE(message);
    CHECK(co_author_emails(message).empty());
  }
}

TEST_CASE("a co-author is found wherever the line stands and however it is written") {
  for (const std::string_view message :
       {"Fix\n\nCo-authored-by: B <b@x>\n", "Co-authored-by: B <b@x>", "\nCO-AUTHORED-BY:B <b@x>\n",
        "Fix\n\nCo-authored-by: B <b@x>\n\nmore text\n", "  co-authored-by: B <b@x>\r\n",
        "Co-Authored-By : <b@x>\n", "Co-authored-by: b@x\n", "Co-authored-by: B <c> <b@x>\n"}) {
    CAPTURE(message);
    CHECK(co_author_emails(message) == Emails{"b@x"});
  }
  CHECK(co_author_emails("Co-authored-by: B <b@x>\nCo-authored-by: C <c@x>\n") ==
        Emails{"b@x", "c@x"});
}

TEST_CASE("a recorded verdict that is not ours is refused") {
  const nlohmann::json good = to_json(test::commit_by("alice").signature);
  for (const char* const member :
       {"state", "format", "fingerprint", "identity", "keyName", "reason"}) {
    CAPTURE(member);
    nlohmann::json lacking = good;
    lacking.erase(member);
    CHECK_FALSE(signature_verdict_from_json(lacking).has_value());
    nlohmann::json wrong = good;
    wrong[member] = 7;
    CHECK_FALSE(signature_verdict_from_json(wrong).has_value());
  }
  for (const auto& [member, value] : {std::pair{"state", "great"}, std::pair{"format", "x509"},
                                      std::pair{"identity", "No Name"}}) {
    nlohmann::json wrong = good;
    wrong[member] = value;
    CHECK_FALSE(signature_verdict_from_json(wrong).has_value());
  }
}

TEST_CASE("a verdict comes back as it was recorded") {
  SignatureVerdict verdict = test::commit_by("alice").signature;
  CHECK(signature_verdict_from_json(to_json(verdict)).value() == verdict);
  verdict.identity.reset();
  verdict.state = SignatureState::kBad;
  verdict.reason = "does not match";
  CHECK(signature_verdict_from_json(to_json(verdict)).value() == verdict);
}

}  // namespace statehouse
