#include "api/service/promotion_events.h"
#include "crypto/base/limits.h"
#include "tests/api/service/service_fixture.h"

// What somebody with good keys and a good token may try: to read what is hidden by pushing, to have
// something merged by a decision that is out of date, and to go back without a rollback.

namespace statehouse::test {

namespace {

constexpr const char* kTopicFlow = R"(apiVersion: statehouse/v1
kind: Policy
metadata: {name: trunk}
spec:
  match: {repositories: [platform], refs: [refs/heads/trunk]}
  read: [group:developers]
  update: {by: ["flow:topics", "flow:embargo"]}
---
apiVersion: statehouse/v1
kind: Flow
metadata: {name: topics}
spec:
  from: {repository: platform, ref: "refs/heads/topic/**"}
  to: {repository: platform, ref: refs/heads/trunk}
  promote: [group:developers]
  merge: {by: [group:reviewers]}
  approvals: [{count: 1, from: [group:reviewers]}]
---
apiVersion: statehouse/v1
kind: Flow
metadata: {name: embargo}
spec:
  from: {repository: platform, ref: refs/heads/hidden}
  to: {repository: platform, ref: refs/heads/trunk}
  promote: [group:developers]
  merge: {by: [group:reviewers]}
  approvals: [{count: 1, from: [group:reviewers]}]
)";

/// A commit on the hidden branch, with a file of its own.
Oid push_hidden(ServiceFixture& fixture) {
  const Oid made = fixture.workshop.commit({.files = {{"secret.yaml", "kind: Secret\n"}}});
  REQUIRE(fixture.push("alice", "platform", {{"refs/heads/hidden", made}}).accepted());
  return made;
}

ProposedMove creation(const std::string& ref, const Oid& commit) {
  return {.key = key_of("platform:" + ref), .old_oid = std::nullopt, .new_oid = commit};
}

Oid push_topic(ServiceFixture& fixture, const std::string& name, const CommitPlan& plan) {
  const Oid made = fixture.workshop.commit(plan);
  const PushResult result = fixture.push(plan.author, "platform", {{"refs/heads/" + name, made}});
  REQUIRE_MESSAGE(result.accepted(), result.text());
  return made;
}

/// The organisation with a change of its text.
FileMap changed(const std::string& from, const std::string& to) {
  std::string text = ServiceFixture::organisation();
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return {{"organisation.yaml", text.replace(at, from.size(), to)}};
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "who does not see a commit does not push a ref to it") {
  push_commit();
  const Oid hidden = push_hidden(*this);
  const PushReport report =
      must(push_moves("carol", "platform", {creation("refs/heads/topic/steal", hidden)}, {}));
  CHECK(report.unpack_error);
  CHECK_FALSE(state("platform:refs/heads/topic/steal"));
  CHECK_FALSE(must(push_moves("alice", "platform", {creation("refs/heads/topic/mine", hidden)}, {}))
                  .unpack_error);
}

TEST_CASE_FIXTURE(ServiceFixture, "a refused push does not say whether a hidden ref exists") {
  push_commit();
  const Oid made = workshop.commit({.author = "carol"});
  const auto told = [&](const std::optional<Oid>& old_oid) {
    const ProposedMove move{key_of("platform:refs/heads/hidden"), old_oid, made};
    PushReport report = must(push_moves("carol", "platform", {move}, workshop.pack({made}), true));
    return PushResult{std::move(report)}.text();
  };
  const Oid somewhere = tip("platform:refs/heads/audit");
  const std::vector<std::string> absent{told(std::nullopt), told(somewhere)};
  CHECK(absent[0].find("denied") != std::string::npos);
  push_hidden(*this);
  CHECK(absent == std::vector<std::string>{told(std::nullopt), told(somewhere)});
  // To whoever may push there it is said.
  const ProposedMove move{key_of("platform:refs/heads/hidden"), std::nullopt, made};
  const PushReport report = must(push_moves("alice", "platform", {move}, workshop.pack({made})));
  CHECK(PushResult{report}.text().find("reference already exists") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "who does not see a file does not put it into a tree by its id") {
  push_commit();
  push_hidden(*this);
  // The tree of this commit is that of the hidden one; only the commit itself is sent.
  const Oid copy = workshop.commit({.author = "carol",
                                    .files = {{"secret.yaml", "kind: Secret\n"}},
                                    .parents = {tip("platform:refs/heads/audit")}});
  Workshop bare;
  const std::string raw = workshop.raw_commit({.author = "carol",
                                               .files = {{"secret.yaml", "kind: Secret\n"}},
                                               .parents = {tip("platform:refs/heads/audit")}});
  const Oid alone = bare.write_commit(raw, bare.write(ObjectType::kTree, ""), {});
  const PushReport report = must(push_moves(
      "carol", "platform", {creation("refs/heads/topic/steal", alone)}, bare.pack({alone})));
  CHECK(report.unpack_error);
  // Who has the bytes sends them.
  CHECK(push("carol", "platform", {{"refs/heads/topic/own", copy}}).accepted());
}

TEST_CASE_FIXTURE(ServiceFixture, "an approval with somebody else's key is in the log") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  CHECK(code_of(approve_with("bob", number, "carol", nullptr)) == ErrorCode::kUnverified);
  CHECK(newest_event()["type"] == "statehouse.promotion.refused");
}

TEST_CASE_FIXTURE(ServiceFixture, "a merge is decided again when the configuration changed") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  const FileMap stricter = changed("approvals: [{count: 1,", "approvals: [{count: 2,");
  steps.meanwhile("ref.lock", [&] { declare(stricter); });
  const std::string refusal = refusal_of(merge("bob", number));
  CHECK_MESSAGE(refusal.starts_with("approvals"), refusal);
  CHECK_FALSE(state("platform:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a merge goes on after a change that changes nothing for it") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  steps.meanwhile("ref.lock", [&] { declare({{"note.txt", "nothing\n"}}); });
  accepted(merge("bob", number));
  const auto merged = must(ledger().version(key_of("platform:refs/heads/deploy"), 1));
  CHECK(merged->configuration == version("system:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a rejection that comes in during the merge stops it") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  steps.meanwhile("ref.lock", [&] {
    accepted(approve_with("carol", number, "carol",
                          [](auto& s) { s.verdict = ApprovalVerdict::kReject; }));
  });
  CHECK(refusal_of(merge("bob", number)) == "rejected");
  CHECK_FALSE(state("platform:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a source without what was promoted last takes nothing away") {
  declare({{"topics.yaml", kTopicFlow}});
  const Oid a = push_topic(*this, "topic/a", {.files = {{"a.yaml", "kind: A\n"}}});
  const Oid b = push_topic(*this, "topic/b", {.author = "bob", .files = {{"b.yaml", "kind: B\n"}}});
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/c", a}}).accepted());
  const PromotionNumber first = open("alice", "topics", a);
  const OpenPromotion same_again{.flow = name_of_resource("topics"),
                                 .source_ref = key_of("platform:refs/heads/topic/c").ref};
  const PromotionNumber back = accepted(store->promotions().open(as("carol"), same_again));
  accepted(approve("bob", first));
  accepted(merge("bob", first));
  const PromotionNumber second = open("bob", "topics", b);
  accepted(approve("alice", second));
  CHECK(refusal_of(merge("bob", second)).find("target-has-own-changes") != std::string::npos);
  accepted(approve_with("carol", second, "carol", [](auto& s) { s.drops = {1}; }));
  SUBCASE("unless an approver signs that it is dropped") { accepted(merge("bob", second)); }
  SUBCASE("and what was dropped comes back by a rollback only") {
    accepted(merge("bob", second));
    CHECK(code_of(store->promotions().open(as("carol"), same_again)) == ErrorCode::kConflict);
    CHECK(code_of(approve("bob", back)) == ErrorCode::kConflict);
    CHECK(refusal_of(merge("bob", back)).find("superseded") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(ServiceFixture, "a promotion of a hidden ref is hidden until it is merged") {
  declare({{"topics.yaml", kTopicFlow}});
  push_hidden(*this);
  const PromotionNumber number = open("alice", "embargo");
  CHECK(code_of(store->promotions().situation(as("carol"), number)) == ErrorCode::kNotFound);
  CHECK(code_of(approve_with("carol", number, "carol", nullptr)) == ErrorCode::kNotFound);
  accepted(approve("bob", number));
  accepted(merge("bob", number));
  CHECK(store->promotions().situation(as("carol"), number));
}

TEST_CASE_FIXTURE(ServiceFixture, "a flow that starts from a hidden ref is none for others") {
  declare({{"topics.yaml", kTopicFlow}});
  push_hidden(*this);
  const auto opening = [&](const std::string& flow) {
    auto outcome = store->promotions().open(as("carol"), {.flow = name_of_resource(flow)});
    REQUIRE_FALSE(outcome);
    std::string words = outcome.error().message;
    return words.replace(words.find(flow), flow.size(), "FLOW");
  };
  CHECK(opening("embargo") == opening("nowhere"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a tree that no snapshot could hold is refused, small as it is") {
  const Oid blob = workshop.write(ObjectType::kBlob, "a: 1\n");
  const auto folder = [&](FileMode mode, const Oid& entry) {
    std::vector<TreeEntry> entries;
    for (int i = 0; i < 600; ++i) {
      entries.push_back({mode, "n" + std::to_string(1000 + i) + ".yaml", entry});
    }
    return workshop.write(ObjectType::kTree, serialize_tree(entries));
  };
  const Oid bomb = folder(FileMode::kTree, folder(FileMode::kFile, blob));
  const PushResult result = push("alice", workshop.commit({.tree = bomb}));
  CHECK_FALSE(result.accepted());
  CHECK(result.denied_by("store/archive-size"));
}

TEST_CASE_FIXTURE(ServiceFixture, "one person cannot fill the store with promotions and comments") {
  const PromotionNumber number = [&] {
    push_commit();
    return open("alice", "deploy");
  }();
  must(core().ledger.commit([&](Transaction& transaction) -> Result<> {
    for (std::size_t i = 1; i < limits::kCommentsPerPromotionMax; ++i) {
      CommentRecord comment{.promotion = number, .identity = "alice", .text = "again"};
      comment.time = transaction.time();
      const AppendedEntry entry =
          TRY(transaction.append(promotion_commented_event(as("alice"), comment)));
      comment.entry = entry.index;
      TRY(transaction.insert_comment(comment));
    }
    return {};
  }));
  accepted(store->promotions().comment(as("alice"), number, "again", std::nullopt, std::nullopt));
  CHECK(code_of(store->promotions().comment(as("bob"), number, "and again", std::nullopt,
                                            std::nullopt)) == ErrorCode::kConflict);
  push_commit({.files = {{"n.yaml", "n: 1\n"}}});
  const PromotionNumber second = open("alice", "deploy");
  must(core().ledger.commit([&](Transaction& transaction) -> Result<> {
    PromotionRecord record = TRY(transaction.promotion(second));
    for (std::size_t i = 2; i < limits::kOpenPromotionsPerPersonMax; ++i) {
      record.number = TRY(transaction.next_promotion());
      TRY(transaction.append(
          promotion_pinned_event(EventType::kPromotionOpened, as("alice"), record)));
      TRY(transaction.insert_promotion(record));
    }
    return {};
  }));
  push_commit({.files = {{"n.yaml", "n: last\n"}}});
  const OpenPromotion another{.flow = name_of_resource("deploy")};
  CHECK(code_of(store->promotions().open(as("alice"), another)) == ErrorCode::kConflict);
  CHECK(store->promotions().open(as("bob"), another));
}

TEST_CASE_FIXTURE(ServiceFixture, "a token for some repositories makes no token for all") {
  const TokenRequest request{.identity = name_of_resource("bob"), .scope = TokenScope::kAdmin};
  const auto narrow = as("alice", TokenScope::kAdmin, "platform");
  CHECK(code_of(store->tokens().create(narrow, request)) == ErrorCode::kDenied);
  CHECK(store->tokens().create(as("alice", TokenScope::kAdmin), request));
}

}  // namespace statehouse::test
