#include <atomic>
#include <thread>

#include "crypto/base/limits.h"
#include "tests/api/service/organisation.h"
#include "tests/api/service/service_fixture.h"

// How long what a reviewer said stands.

namespace statehouse::test {

namespace {

void reject(ApprovalStatement& statement) { statement.verdict = ApprovalVerdict::kReject; }

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "who is named in a commit may still reject it") {
  push_commit({.message = "Shop\n\nCo-authored-by: Bob <bob@example.org>\n"});
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve_with("bob", number, "bob", reject));
  accepted(approve("carol", number));
  CHECK(refusal_of(merge("carol", number)) == "rejected");
}

TEST_CASE_FIXTURE(ServiceFixture, "a target that moves lifts no rejection, an update does") {
  push_commit();
  const PromotionNumber first = open("alice", "deploy");
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  const PromotionNumber second = open("alice", "deploy");
  accepted(approve_with("bob", second, "bob", reject));
  accepted(approve("bob", first));
  accepted(merge("bob", first));
  accepted(approve("carol", second));
  CHECK(refusal_of(merge("carol", second)) == "rejected");
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Better\n"}}});
  accepted(store->promotions().update(as("alice"), second, next));
  accepted(approve("carol", second));
  accepted(merge("carol", second));
}

TEST_CASE_FIXTURE(ServiceFixture, "pinning the commit that is pinned already changes nothing") {
  const Oid pinned = push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve_with("bob", number, "bob", reject));
  accepted(approve("carol", number));
  const std::uint64_t size = log_size();
  accepted(store->promotions().update(as("alice"), number, pinned));
  CHECK(log_size() == size);
  CHECK(must(ledger().promotion(number)).revision == 1);
  CHECK(refusal_of(merge("carol", number)) == "rejected");
}

TEST_CASE_FIXTURE(ServiceFixture, "a rejection stands when its commit is pinned again") {
  const Oid pinned = push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve_with("bob", number, "bob", reject));
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  accepted(store->promotions().update(as("alice"), number, next));
  accepted(store->promotions().update(as("alice"), number, pinned));
  accepted(approve("carol", number));
  CHECK(refusal_of(merge("carol", number)) == "rejected");
  clock.advance(std::chrono::seconds(1));
  SUBCASE("until the same person approves") {
    accepted(approve("bob", number));
    accepted(merge("carol", number));
  }
  SUBCASE("but not when the same person had taken it back before") {
    accepted(approve("bob", number));
    accepted(store->promotions().update(as("alice"), number, next));
    accepted(store->promotions().update(as("alice"), number, pinned));
    CHECK(refusal_of(merge("carol", number)) == "approvals stale");
  }
}

TEST_CASE_FIXTURE(ServiceFixture, "a rejection stands when its key is taken out of service") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve_with("carol", number, "carol", reject));
  std::string text = organisation();
  const std::string key = public_key_line("carol");
  REQUIRE(text.find(key) != std::string::npos);
  text.replace(text.find(key), key.size(), public_key_line("carol-new"));
  declare({{"organisation.yaml", text}});
  accepted(approve("bob", number));
  CHECK(refusal_of(merge("bob", number)) == "rejected");
}

TEST_CASE_FIXTURE(ServiceFixture, "an update ends approvals also when a later one goes back") {
  const Oid pinned = push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  accepted(store->promotions().update(as("alice"), number, next));
  accepted(store->promotions().update(as("alice"), number, pinned));
  CHECK(refusal_of(merge("bob", number)) == "approvals stale");
}

TEST_CASE_FIXTURE(ServiceFixture, "nobody's updates use up another one's words") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  for (std::size_t i = 0; i < limits::kWordsPerApproverMax; ++i) {
    clock.advance(std::chrono::seconds(1));
    accepted(approve_with("bob", number, "bob", reject));
  }
  clock.advance(std::chrono::seconds(1));
  CHECK(code_of(approve_with("bob", number, "bob", reject)) == ErrorCode::kConflict);
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  accepted(store->promotions().update(as("alice"), number, next));
  accepted(approve_with("bob", number, "bob", reject));
}

TEST_CASE_FIXTURE(ServiceFixture, "one word that arrives many times at once is recorded once") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const std::string envelope = approval_envelope(number, "bob");
  constexpr int kAtOnce = 8;
  const AuthenticatedCaller bob = as("bob");
  std::atomic<int> recorded{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kAtOnce; ++i) {
      threads.emplace_back([&] {
        if (store->promotions().approve(bob, number, envelope)) ++recorded;
      });
    }
  }
  CHECK(recorded == 1);
  CHECK(must(store->promotions().situation(as("alice"), number)).approvals.size() == 1);
}

}  // namespace statehouse::test
