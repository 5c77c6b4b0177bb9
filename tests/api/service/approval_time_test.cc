#include "crypto/dsse.h"
#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

TEST_CASE_FIXTURE(ServiceFixture,
                  "an approval cannot be handed in again to lift a later rejection") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const Timestamp first = clock.now();
  accepted(approve("bob", number));
  clock.advance(std::chrono::minutes(1));
  accepted(
      approve_with("bob", number, "bob", [](auto& s) { s.verdict = ApprovalVerdict::kReject; }));
  clock.advance(std::chrono::minutes(1));
  const auto again = approve_with("bob", number, "bob", [&](auto& s) { s.issued = first; });
  CHECK(code_of(again) == ErrorCode::kConflict);
  CHECK(refusal_of(merge("bob", number)).starts_with("rejected"));
}

TEST_CASE_FIXTURE(ServiceFixture, "the same signed bytes count once") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const Timestamp first = clock.now();
  accepted(approve("bob", number));
  clock.advance(std::chrono::minutes(1));
  CHECK(code_of(approve_with("bob", number, "bob", [&](auto& s) { s.issued = first; })) ==
        ErrorCode::kConflict);
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "an approval signed ahead of the clock, or long ago, is refused") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const auto signed_at = [&](Milliseconds from_now) {
    return approve_with("bob", number, "bob", [&](auto& s) { s.issued = clock.now() + from_now; });
  };
  CHECK(code_of(signed_at(std::chrono::minutes(6))) == ErrorCode::kInvalidArgument);
  CHECK(code_of(signed_at(-std::chrono::hours(25))) == ErrorCode::kInvalidArgument);
  accepted(signed_at(std::chrono::minutes(4)));
}

}  // namespace statehouse::test
