#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "tests/policy/policy_fixture.h"

namespace statehouse {

namespace {

using test::approval_by;
using test::commit_by;
using test::configured;
using test::fingerprint;
using test::kNow;
using test::name;
using test::oid;
using test::organisation;
using test::promotion_of;
using test::ref;
using test::result_of;
using test::verdict;
using test::with;

constexpr std::string_view kClause = "{count: 1, from: [group:reviewers], validFor: 7d}";

Decision judged(const PromotionFacts& facts, const std::string& yaml = organisation()) {
  return evaluate_promotion(configured(yaml), facts);
}

PromotionFacts approved(std::vector<CommitFacts> commits, std::vector<ApprovalFacts> approvals) {
  PromotionFacts facts = promotion_of(std::move(commits));
  facts.approvals = std::move(approvals);
  return facts;
}

/// One commit by alice, approved by bob: ready unless `change` spoils it.
template <typename Change>
std::string verdict_after(Change change, const std::string& yaml = organisation()) {
  PromotionFacts facts = approved({commit_by("alice")}, {approval_by("bob")});
  change(facts);
  return verdict(judged(facts, yaml));
}

std::string asking(std::string_view clause) { return with(organisation(), kClause, clause); }

PromotionFacts rollback() {
  PromotionFacts facts = approved({}, {approval_by("bob")});
  facts.source = facts.target;
  facts.rollback = RollbackFacts{38, kNow - std::chrono::hours(48)};
  return facts;
}

}  // namespace

TEST_CASE("a promotion that an independent reviewer approved is ready") {
  CHECK(verdict_after([](PromotionFacts&) {}) == "allowed");
}

// --- Each block alone ---------------------------------------------------------------------------

TEST_CASE("a promotion without approvals is blocked, and says whom to ask") {
  const Decision decision = judged(promotion_of({commit_by("alice")}));
  CHECK(verdict(decision) == "approvals");
  const RuleResult missing = result_of(decision, "approvals");
  CHECK(missing.policy == "flow:deploy");
  CHECK(missing.fix == "ask bob, carol: statehouse promotion approve 12");
}

TEST_CASE("a promotion through the wrong flow is blocked") {
  CHECK(verdict_after([](PromotionFacts& f) { f.flow = name("none"); }) == "flow");
  CHECK(verdict_after([](PromotionFacts& f) { f.flow = name("system"); }) == "flow");
  CHECK(verdict_after([](PromotionFacts& f) { f.source = ref("platform:refs/heads/x"); }) ==
        "flow");
  CHECK(verdict_after([](PromotionFacts& f) { f.target = ref("platform:refs/heads/x"); }) ==
        "flow");
}

TEST_CASE("a superseded promotion is blocked") {
  PromotionFacts facts = approved({commit_by("alice")}, {approval_by("bob")});
  facts.superseded_by = "promotion 14";
  CHECK(verdict(judged(facts)) == "superseded");
  CHECK(promotion_phase(judged(facts)) == PromotionPhase::kSuperseded);
}

TEST_CASE("an approval of another revision does not count, and says why") {
  PromotionFacts facts = approved({commit_by("alice")}, {approval_by("bob")});
  facts.approvals[0].matches_current_revision = false;
  facts.approvals[0].stale_reason = "the target moved";
  const Decision decision = judged(facts);
  CHECK(verdict(decision) == "approvals stale");
  CHECK(result_of(decision, "stale").reason ==
        "the approval of bob is for another revision: the target moved");
}

TEST_CASE("an approval ends at its signer's limit and at the flow's") {
  const auto received_before = [](Milliseconds age) {
    return [age](PromotionFacts& facts) { facts.approvals[0].received = kNow - age; };
  };
  const Milliseconds week = std::chrono::days(7);
  CHECK(verdict_after(received_before(week)) == "approvals stale");
  CHECK(verdict_after(received_before(week - Milliseconds(1))) == "allowed");
  CHECK(verdict_after([](PromotionFacts& f) { f.approvals[0].expires = kNow; }) ==
        "approvals stale");
  CHECK(verdict_after([](PromotionFacts& f) { f.approvals[0].expires = kNow + Milliseconds(1); }) ==
        "allowed");
}

TEST_CASE("an approval by somebody not asked does not count") {
  CHECK(verdict_after([](PromotionFacts& f) { f.approvals = {approval_by("dave")}; }) ==
        "approvals");
}

TEST_CASE("membership counts at this moment, not when the approval was given") {
  CHECK(verdict_after([](PromotionFacts&) {}, with(organisation(), "members: [alice, bob, carol]",
                                                   "members: [alice, carol]")) == "approvals");
}

TEST_CASE("an approval counts only while its key is in service and its signer's") {
  const std::string key = "ssh: " + test::key_line("bob");
  const auto with_key = [&](std::string_view fields) {
    return verdict_after([](PromotionFacts&) {},
                         with(organisation(), key, key + std::string(fields)));
  };
  CHECK(with_key("\n      usage: [commits]") == "approvals");
  CHECK(with_key("\n      validUntil: 2026-01-01T00:00:00Z") == "approvals");
  CHECK(with_key("\n      validFrom: 2099-01-01T00:00:00Z") == "approvals");
  CHECK(with_key("\n      revoked: {at: 2026-01-01T00:00:00Z, reason: retired}") == "approvals");
  CHECK(verdict_after([](PromotionFacts& f) {
          f.approvals[0].fingerprint = fingerprint("carol");
        }) == "approvals");
  CHECK(verdict_after([](PromotionFacts& f) { f.approvals[0].fingerprint = "SHA256:x"; }) ==
        "approvals");
}

TEST_CASE("a rejection by somebody asked blocks until they approve or the revision changes") {
  const auto rejection = [](std::string_view who, int minutes_ago) {
    ApprovalFacts approval = approval_by(who);
    approval.verdict = ApprovalVerdict::kReject;
    approval.received = kNow - std::chrono::minutes(minutes_ago);
    return approval;
  };
  const auto after = [&](ApprovalFacts more) {
    return verdict_after([&](PromotionFacts& facts) { facts.approvals.push_back(more); });
  };
  CHECK(after(rejection("carol", 2)) == "rejected");
  CHECK(after(rejection("bob", 0)) == "rejected approvals");
  CHECK(after(rejection("bob", 5)) == "allowed");
  CHECK(after(rejection("dave", 0)) == "allowed");
  // A target that moved lifts nothing, an update does.
  ApprovalFacts old = rejection("carol", 0);
  old.matches_current_revision = false;
  CHECK(after(old) == "rejected");
  old.is_for_pinned_commit = false;
  CHECK(after(old) == "allowed");
}

TEST_CASE("changes of the target's own block until every approval that counts drops them") {
  const auto dropping = [](std::vector<VersionNumber> drops) {
    return verdict_after([&](PromotionFacts& facts) {
      facts.target_own_changes = {39, 40};
      facts.approvals[0].drops = drops;
    });
  };
  CHECK(dropping({}) == "approvals target-has-own-changes");
  CHECK(dropping({39}) == "approvals target-has-own-changes");
  CHECK(dropping({39, 40}) == "allowed");
}

TEST_CASE("where no approval is asked for, own changes still need one that drops them") {
  const auto own = [](PromotionFacts& facts) { facts.target_own_changes = {39}; };
  CHECK(verdict_after(own, asking("{count: 0, from: [group:reviewers]}")) ==
        "target-has-own-changes");
  CHECK(verdict_after(own, with(organisation(), "approvals: [" + std::string(kClause) + "]",
                                "approvals: []")) == "target-has-own-changes");
  CHECK(verdict_after(
            [](PromotionFacts& facts) {
              facts.target_own_changes = {39};
              facts.approvals[0].drops = {39};
            },
            asking("{count: 0, from: [group:reviewers]}")) == "allowed");
}

TEST_CASE("a flow that fast-forwards needs a source that contains the target") {
  const std::string yaml = with(organisation(), "  promote: [group:developers]\n",
                                "  promote: [group:developers]\n  strategy: fast-forward\n");
  const auto diverged = [](PromotionFacts& facts) { facts.fast_forward = false; };
  CHECK(verdict_after(diverged, yaml) == "not-fast-forward");
  CHECK(verdict_after(diverged) == "allowed");
}

TEST_CASE("only somebody named merges, and a flow by itself only when it says so") {
  CHECK(verdict_after([](PromotionFacts& f) { f.merger = name("ci"); }) == "merge");
  CHECK(verdict_after([](PromotionFacts& f) { f.merger = name("alice"); }) == "allowed");
  CHECK(verdict_after([](PromotionFacts& f) { f.merge_is_automatic = true; }) == "merge");
  const std::string automatic =
      with(organisation(), "merge: {by: [group:reviewers]}", "merge: {auto: true}");
  CHECK(verdict_after([](PromotionFacts& f) { f.merge_is_automatic = true; }, automatic) ==
        "allowed");
}

TEST_CASE("a hold stops automatic merges, not people") {
  const std::string automatic =
      with(organisation(), "merge: {by: [group:reviewers]}", "merge: {by: [alice], auto: true}");
  PromotionFacts facts = approved({commit_by("alice")}, {approval_by("bob")});
  facts.automatic_hold = "rollback 13";
  facts.merge_is_automatic = true;
  CHECK(verdict(judged(facts, automatic)) == "held");
  CHECK(promotion_phase(judged(facts, automatic)) == PromotionPhase::kHeld);
  facts.merge_is_automatic = false;
  facts.merger = name("alice");
  CHECK(verdict(judged(facts, automatic)) == "allowed");
}

TEST_CASE("the target's own commit rules hold for what is promoted") {
  const std::string strict = with(organisation(), "update: {by: [flow:deploy]}",
                                  "update: {by: [flow:deploy]}\n  commits: {signers: [alice]}");
  CHECK(verdict_after([](PromotionFacts&) {}, strict) == "allowed");
  PromotionFacts facts = approved({commit_by("bob")}, {approval_by("carol")});
  CHECK(verdict(judged(facts, strict)) == "signers");
  facts.commits[0].signature.state = SignatureState::kUnsigned;
  CHECK(verdict(judged(facts, strict)) == "signatures");
}

TEST_CASE("a commit by a compromised key needs an approval given after that was known") {
  const std::string key = "ssh: " + test::key_line("alice");
  const auto revoked_at = [&](Timestamp at, Timestamp since) {
    return with(organisation(), key,
                key + "\n      revoked: {at: " + at.rfc3339() +
                    ", reason: compromised, since: " + since.rfc3339() + "}");
  };
  const auto minutes_ago = [](int minutes) { return kNow - std::chrono::minutes(minutes); };
  // The commit was received 60 minutes ago, the approval a minute ago.
  const auto ready = [](PromotionFacts&) {};
  CHECK(verdict_after(ready, revoked_at(minutes_ago(0), minutes_ago(90))) ==
        "approvals compromised-key");
  CHECK(verdict_after(ready, revoked_at(minutes_ago(5), minutes_ago(90))) == "allowed");
  CHECK(verdict_after(ready, revoked_at(minutes_ago(0), minutes_ago(30))) == "allowed");
}

// --- Independence -------------------------------------------------------------------------------

TEST_CASE("nobody with a hand in a commit approves it") {
  const auto by_carol = [] { return commit_by("carol"); };
  std::vector<std::pair<std::string_view, CommitFacts>> table;
  const auto add = [&](std::string_view what, auto change) {
    CommitFacts commit = by_carol();
    change(commit);
    table.emplace_back(what, commit);
  };
  add("author by address", [](CommitFacts& c) { c.author_email = "bob@example.org"; });
  add("author by address, other case", [](CommitFacts& c) { c.author_email = "BOB@example.ORG"; });
  add("author as recorded", [](CommitFacts& c) { c.author = name("bob"); });
  add("committer by address", [](CommitFacts& c) { c.committer_email = "bob@example.org"; });
  add("committer as recorded", [](CommitFacts& c) { c.committer = name("bob"); });
  add("signer", [](CommitFacts& c) { c.signature.identity = name("bob"); });
  add("pusher", [](CommitFacts& c) { c.pusher = name("bob"); });
  add("co-author by address", [](CommitFacts& c) { c.co_author_emails = {"bob@example.org"}; });
  add("co-author as recorded", [](CommitFacts& c) { c.co_authors = {name("bob")}; });
  for (const auto& [what, commit] : table) {
    CAPTURE(what);
    const Decision decision = judged(approved({commit}, {approval_by("bob")}));
    CHECK(verdict(decision) == "approvals self-approval");
    CHECK(judged(approved({commit}, {approval_by("alice")})).allow);
  }
}

TEST_CASE("a second key does not make a second person") {
  const std::string key = "ssh: " + test::key_line("alice");
  std::string yaml = with(organisation(), key, key + "\n    - ssh: " + test::key_line("alice-2"));
  ApprovalFacts second = approval_by("alice");
  second.fingerprint = fingerprint("alice-2");
  CHECK(verdict(judged(approved({commit_by("alice")}, {second}), yaml)) ==
        "approvals self-approval");
  yaml = with(yaml, kClause, "{count: 2, from: [group:reviewers]}");
  CHECK(verdict(judged(approved({commit_by("bob")}, {approval_by("alice"), second}), yaml)) ==
        "approvals");
  CHECK(judged(approved({commit_by("bob")}, {approval_by("alice"), approval_by("carol")}), yaml)
            .allow);
}

TEST_CASE("an owner does not approve what the robot did, nor the robot what its owner did") {
  const std::string robots =
      with(organisation(), "members: [alice, bob, carol]", "members: [alice, bob, carol, ci]");
  CHECK(verdict(judged(approved({commit_by("ci")}, {approval_by("alice")}), robots)) ==
        "approvals self-approval");
  CHECK(verdict(judged(approved({commit_by("alice")}, {approval_by("ci")}), robots)) ==
        "approvals self-approval");
  CHECK(verdict(judged(approved({commit_by("bob")}, {approval_by("ci")}), robots)) == "allowed");
  const std::string two = with(robots, kClause, "{count: 2, from: [group:reviewers]}");
  CHECK(verdict(judged(approved({commit_by("bob")}, {approval_by("ci"), approval_by("alice")}),
                       two)) == "approvals");
  CHECK(verdict(judged(approved({commit_by("bob")}, {approval_by("ci"), approval_by("carol")}),
                       two)) == "allowed");
}

TEST_CASE("each commit needs its own independent approver") {
  const std::vector<CommitFacts> commits{commit_by("alice", 1), commit_by("bob", 2)};
  CHECK(verdict(judged(approved(commits, {approval_by("alice")}))) == "approvals self-approval");
  CHECK(verdict(judged(approved(commits, {approval_by("bob")}))) == "approvals self-approval");
  CHECK(verdict(judged(approved(commits, {approval_by("alice"), approval_by("bob")}))) ==
        "allowed");
  CHECK(verdict(judged(approved(commits, {approval_by("carol")}))) == "allowed");
}

TEST_CASE("independence of the promotion counts only those without a hand in any commit") {
  const std::string yaml = asking("{count: 1, from: [group:reviewers], independence: promotion}");
  const std::vector<CommitFacts> commits{commit_by("alice", 1), commit_by("bob", 2)};
  CHECK(verdict(judged(approved(commits, {approval_by("alice"), approval_by("bob")}), yaml)) ==
        "approvals self-approval");
  CHECK(verdict(judged(approved(commits, {approval_by("carol")}), yaml)) == "allowed");
}

TEST_CASE("who opens or merges may approve, when they had no hand in the commits") {
  PromotionFacts facts = approved({commit_by("alice")}, {approval_by("bob")});
  facts.opener = name("bob");
  facts.merger = name("bob");
  CHECK(verdict(judged(facts)) == "allowed");
}

TEST_CASE("who brought a baseline does not approve it, its authors may") {
  CommitFacts old = commit_by("bob");
  old.is_baseline = true;
  old.pusher = name("alice");
  CHECK(verdict(judged(approved({old}, {approval_by("alice")}))) == "approvals self-approval");
  CHECK(verdict(judged(approved({old}, {approval_by("bob")}))) == "allowed");
}

TEST_CASE("where there is no commit to look at, the opener does not approve") {
  CommitFacts seal = commit_by("bob");
  seal.is_seal = true;
  PromotionFacts facts = approved({seal}, {approval_by("bob")});
  facts.opener = name("bob");
  CHECK(verdict(judged(facts)) == "approvals self-approval");
  facts.opener = name("alice");
  CHECK(verdict(judged(facts)) == "allowed");
}

TEST_CASE("every clause needs its own, and one approval may serve several") {
  const std::string yaml =
      asking("{count: 1, from: [group:reviewers]}, {count: 1, from: [group:auditors]}");
  CHECK(verdict(judged(approved({commit_by("alice")}, {approval_by("bob")}), yaml)) == "approvals");
  CHECK(verdict(judged(approved({commit_by("alice")}, {approval_by("dave")}), yaml)) ==
        "approvals");
  CHECK(judged(approved({commit_by("alice")}, {approval_by("bob"), approval_by("dave")}), yaml)
            .allow);
  const std::string overlapping =
      asking("{count: 1, from: [group:reviewers]}, {count: 1, from: [bob]}");
  CHECK(judged(approved({commit_by("alice")}, {approval_by("bob")}), overlapping).allow);
}

// --- Rollback -----------------------------------------------------------------------------------

TEST_CASE("a rollback asks for the flow's approvals unless it has its own") {
  CHECK(verdict(judged(rollback())) == "allowed");
  PromotionFacts facts = rollback();
  facts.approvals.clear();
  CHECK(verdict(judged(facts)) == "approvals");
  const std::string own = with(organisation(), "validFor: 7d}]\n",
                               "validFor: 7d}]\n  rollback: {approvals: [{count: 1, from: "
                               "[group:auditors]}], maxAge: 3d}\n");
  CHECK(verdict(judged(rollback(), own)) == "approvals");
  facts.approvals = {approval_by("dave")};
  CHECK(verdict(judged(facts, own)) == "allowed");
  facts.rollback->accepted = kNow - std::chrono::days(3) - Milliseconds(1);
  CHECK(verdict(judged(facts, own)) == "max-age");
}

TEST_CASE("a rollback goes back: being superseded and own changes do not stop it") {
  PromotionFacts facts = rollback();
  facts.superseded_by = "version 40";
  facts.target_own_changes = {40};
  CHECK(verdict(judged(facts)) == "allowed");
}

TEST_CASE("who asks for a rollback does not approve it alone") {
  PromotionFacts facts = rollback();
  facts.opener = name("bob");
  CHECK(verdict(judged(facts)) == "approvals self-approval");
}

// --- The reviewer's screen ----------------------------------------------------------------------

TEST_CASE("progress names who counts and who could still approve") {
  PromotionFacts facts = approved({commit_by("alice")}, {approval_by("bob")});
  const auto progress = approval_progress(configured(organisation()), facts);
  REQUIRE(progress.size() == 1);
  CHECK(progress[0].needed == 1);
  CHECK(progress[0].counted == std::vector{name("bob")});
  CHECK(progress[0].eligible == std::vector{name("carol")});
  CHECK(progress[0].met);
  facts.flow = name("none");
  CHECK(approval_progress(configured(organisation()), facts).empty());
}

TEST_CASE("a phase follows from the decision") {
  CHECK(promotion_phase(Decision{}) == PromotionPhase::kBlocked);
  CHECK(promotion_phase(judged(promotion_of({commit_by("alice")}))) == PromotionPhase::kBlocked);
  CHECK(promotion_phase(judged(approved({commit_by("alice")}, {approval_by("bob")}))) ==
        PromotionPhase::kReady);
}

}  // namespace statehouse
