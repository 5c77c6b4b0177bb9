#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "tests/policy/policy_fixture.h"

namespace statehouse {

namespace {

using test::commit_by;
using test::configured;
using test::kNow;
using test::name;
using test::oid;
using test::organisation;
using test::push_by;
using test::ref;
using test::result_of;
using test::verdict;
using test::with;

constexpr std::string_view kAuditUpdate = "update: {by: [group:developers]}";

Decision judged(const UpdateFacts& facts, const std::string& yaml = organisation()) {
  return evaluate_update(configured(yaml), facts);
}

/// A good push of one commit by alice, with `change` applied to its commit.
template <typename Change>
UpdateFacts with_commit(Change change) {
  CommitFacts commit = commit_by("alice");
  change(commit);
  return push_by("alice", {commit});
}

UpdateFacts with_signature(SignatureState state) {
  return with_commit([&](CommitFacts& commit) { commit.signature.state = state; });
}

UpdateFacts forced() {
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.fast_forward = false;
  return facts;
}

UpdateFacts deletion() {
  UpdateFacts facts = push_by("alice", {});
  facts.kind = UpdateKind::kDelete;
  facts.new_oid.reset();
  return facts;
}

/// A second policy on the audit branch, in front of all others by name.
std::string and_policy(std::string_view spec) {
  return organisation() +
         "---\napiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: a-second}\nspec:\n"
         "  match: {repositories: [\"*\"], refs: [\"refs/heads/*\"]}\n" +
         std::string(spec);
}

}  // namespace

// --- Each rule alone ----------------------------------------------------------------------------

TEST_CASE("a push to a ref that no policy matches is refused") {
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.key = ref("platform:refs/heads/topic");
  const Decision decision = judged(facts);
  CHECK(verdict(decision) == "ungoverned");
  CHECK(result_of(decision, "ungoverned").policy == "store");
}

TEST_CASE("a push by somebody no grant names is refused") {
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.pusher = name("carol");
  const RuleResult denied = result_of(judged(facts), "update");
  CHECK_FALSE(denied.pass);
  CHECK(denied.policy == "audit");
  CHECK(denied.reason ==
        "carol may not update platform:refs/heads/audit: update.by names group:developers");
  CHECK_FALSE(denied.fix.empty());
  CHECK(verdict(judged(facts)) == "update");
}

TEST_CASE("an identity that is gone may not push") {
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.pusher = name("former");
  CHECK(verdict(judged(facts)) == "update");
}

TEST_CASE("a direct push to a ref that only a flow moves is refused and shown the way") {
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.key = ref("platform:refs/heads/deploy");
  const Decision decision = judged(facts);
  CHECK(verdict(decision) == "flow-only");
  CHECK(result_of(decision, "flow-only").fix ==
        "push to platform:refs/heads/audit, then: statehouse promotion create -R platform --flow "
        "deploy");
}

TEST_CASE("a flow moves its own target and nothing else") {
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.key = ref("platform:refs/heads/deploy");
  facts.via_flow = name("system");
  CHECK(verdict(judged(facts)) == "update");
  facts.via_flow = name("none");
  CHECK(verdict(judged(facts)) == "update");
  facts.via_flow = name("deploy");
  CHECK(verdict(judged(facts)) == "allowed");
  facts.key = ref("platform:refs/heads/audit");
  CHECK(verdict(judged(facts)) == "update");
}

TEST_CASE("a force push is denied unless a policy allows it and none denies it") {
  CHECK(verdict(judged(forced())) == "force-push");
  CHECK(verdict(judged(forced(), with(organisation(), kAuditUpdate,
                                      "update: {by: [group:developers], forcePush: deny}"))) ==
        "force-push");
  const std::string allowing =
      with(organisation(), kAuditUpdate, "update: {by: [group:developers], forcePush: allow}");
  CHECK(verdict(judged(forced(), allowing)) == "allowed");
  CHECK(verdict(judged(forced(), with(and_policy("  update: {forcePush: deny}\n"), kAuditUpdate,
                                      "update: {by: [group:developers], forcePush: allow}"))) ==
        "force-push");
}

TEST_CASE("a deletion is denied unless a policy allows it and none denies it") {
  CHECK(verdict(judged(deletion())) == "delete");
  CHECK(verdict(judged(deletion(), with(organisation(), kAuditUpdate,
                                        "update: {by: [group:developers], forcePush: allow}"))) ==
        "delete");
  CHECK(verdict(judged(deletion(), with(organisation(), kAuditUpdate,
                                        "update: {by: [group:developers], delete: allow}"))) ==
        "allowed");
}

TEST_CASE("a commit whose signature is anything but good is refused, with the reason in words") {
  const std::pair<SignatureState, std::string_view> table[] = {
      {SignatureState::kUnsigned, "is not signed"},
      {SignatureState::kMalformed, "has a signature that cannot be read"},
      {SignatureState::kBad, "has a signature that does not match it"},
      {SignatureState::kUnknownKey, "is signed by a key that no identity has"},
      {SignatureState::kKeyNotValid, "is signed by a key that is not in service"},
  };
  for (const auto& [state, words] : table) {
    CAPTURE(words);
    const Decision decision = judged(with_signature(state));
    CHECK(verdict(decision) == "signatures");
    CHECK(result_of(decision, "signatures").reason.find(words) != std::string::npos);
    CHECK_FALSE(result_of(decision, "signatures").fix.empty());
  }
}

TEST_CASE("one bad commit among many is enough, and the others are counted") {
  std::vector<CommitFacts> commits;
  for (unsigned i = 0; i < 9; ++i) commits.push_back(commit_by("alice", i));
  commits[4].signature.state = SignatureState::kUnsigned;
  commits[7].signature.state = SignatureState::kBad;
  const Decision decision = judged(push_by("alice", commits));
  CHECK(verdict(decision) == "signatures");
  CHECK(result_of(decision, "signatures").reason ==
        "commit " + oid(4).hex().substr(0, 12) + " is not signed; and 1 more commit");
}

TEST_CASE("a commit signed by somebody who is no signer is refused") {
  CommitFacts commit = commit_by("dave");
  commit.pusher = name("alice");
  const Decision decision = judged(push_by("alice", {commit}));
  CHECK(verdict(decision) == "signers");
  CHECK(result_of(decision, "signers").reason.find("is signed by dave, not by group:developers") !=
        std::string::npos);
}

TEST_CASE("a good verdict without an identity satisfies no signer rule") {
  const UpdateFacts facts =
      with_commit([](CommitFacts& commit) { commit.signature.identity.reset(); });
  CHECK(verdict(judged(facts)) == "signers committer-is-signer");
}

TEST_CASE("a commit under another committer's address is refused") {
  for (const std::string_view email : {"bob@example.org", "nobody@example.org", "", "alice"}) {
    CAPTURE(email);
    const UpdateFacts facts =
        with_commit([&](CommitFacts& commit) { commit.committer_email = email; });
    CHECK(verdict(judged(facts)) == "committer-is-signer");
  }
  CHECK(verdict(judged(with_commit([](CommitFacts& commit) {
          commit.committer_email = "Alice@EXAMPLE.org";
        }))) == "allowed");
}

TEST_CASE("an address with terminal tricks is shown escaped") {
  const UpdateFacts facts =
      with_commit([](CommitFacts& commit) { commit.committer_email = "a\x1b[2J@x"; });
  for (const std::string& line : remote_lines(judged(facts))) {
    CHECK(line.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("an import that rests on no declared baseline is refused") {
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.is_import = true;
  CHECK(verdict(judged(facts)) == "baseline");
  facts.new_oid = oid(7);
  const std::string declared = with(
      organisation(), "spec:\n  defaultBranch: audit\n",
      "spec:\n  baselines:\n    - {ref: refs/heads/audit, commit: \"" + oid(7).hex() +
          "\", tree: \"" + oid(8).hex() + "\", commitSha256: \"sha256:" + std::string(64, 'a') +
          "\", treeSha256: \"sha256:" + std::string(64, 'b') + "\"}\n");
  CHECK(verdict(judged(facts, declared)) == "allowed");
  facts.new_oid = oid(9);
  CHECK(verdict(judged(facts, declared)) == "baseline");
  facts.new_commits.front().oid = oid(7);
  CHECK(verdict(judged(facts, declared)) == "baseline");
  facts.new_commits.front().is_baseline = true;
  CHECK(verdict(judged(facts, declared)) == "allowed");
}

// --- What passes --------------------------------------------------------------------------------

TEST_CASE("a signed push by a developer is allowed, and the decision says why") {
  const Decision decision = judged(push_by("alice", {commit_by("alice")}));
  CHECK(verdict(decision) == "allowed");
  CHECK_FALSE(decision.would_deny);
  for (const std::string_view rule :
       {"update", "signatures", "signers", "committer-is-signer", "eligible-approver"}) {
    CAPTURE(rule);
    CHECK(result_of(decision, rule).pass);
    CHECK(result_of(decision, rule).fix.empty());
  }
}

TEST_CASE("seals and baselines satisfy commit rules") {
  for (bool CommitFacts::* exempt : {&CommitFacts::is_seal, &CommitFacts::is_baseline}) {
    CHECK(verdict(judged(with_commit([&](CommitFacts& commit) {
            commit.signature = {};
            commit.committer_email = "somebody@elsewhere";
            commit.*exempt = true;
          }))) == "allowed");
  }
}

TEST_CASE("where signatures are optional an unsigned commit passes") {
  const std::string optional =
      with(organisation(),
           "commits: {signatures: required, signers: [group:developers], committerIsSigner: true}",
           "commits: {signatures: optional}");
  CHECK(verdict(judged(with_signature(SignatureState::kUnsigned), optional)) == "allowed");
}

// --- Composition --------------------------------------------------------------------------------

TEST_CASE("grants add up, requirements all hold") {
  UpdateFacts by_carol = push_by("alice", {commit_by("alice")});
  by_carol.pusher = name("carol");
  CHECK(verdict(judged(by_carol, and_policy("  update: {by: [carol]}\n"))) == "allowed");
  CHECK(verdict(judged(by_carol, and_policy("  read: [carol]\n"))) == "update");
  const UpdateFacts by_alice = push_by("alice", {commit_by("alice")});
  const Decision decision = judged(by_alice, and_policy("  commits: {signers: [bob]}\n"));
  CHECK(verdict(decision) == "signers");
  CHECK(result_of(decision, "signers").policy == "a-second");
}

TEST_CASE("a requirement under evaluation lets pass, and says that it would deny") {
  const Decision decision =
      judged(push_by("alice", {commit_by("alice")}),
             and_policy("  enforcement: evaluate\n  commits: {signers: [bob]}\n"));
  CHECK(verdict(decision) == "allowed");
  CHECK(decision.would_deny);
  CHECK(remote_lines(decision).front().starts_with("would-deny: a-second/signers: "));
}

TEST_CASE("evaluation never turns default deny off") {
  const std::string evaluated = with(
      organisation(), "  read: [group:developers, group:reviewers]\n  " + std::string(kAuditUpdate),
      "  enforcement: evaluate\n  " + std::string(kAuditUpdate));
  UpdateFacts facts = push_by("alice", {commit_by("alice")});
  facts.pusher = name("dave");
  CHECK(verdict(judged(facts, evaluated)) == "update");
  CHECK(verdict(judged(forced(), evaluated)) == "force-push");
  CHECK(verdict(judged(with_signature(SignatureState::kUnsigned), evaluated)) == "allowed");
}

TEST_CASE("a denial under evaluation does not undo an allowance") {
  const std::string yaml =
      with(and_policy("  enforcement: evaluate\n  update: {forcePush: deny}\n"), kAuditUpdate,
           "update: {by: [group:developers], forcePush: allow}");
  const Decision decision = judged(forced(), yaml);
  CHECK(verdict(decision) == "allowed");
  CHECK(decision.would_deny);
  CHECK(verdict(judged(forced(), and_policy("  enforcement: evaluate\n"
                                            "  update: {forcePush: deny}\n"))) == "force-push");
}

TEST_CASE("a policy for everything does not govern system") {
  UpdateFacts facts = push_by("carol", {commit_by("alice")});
  facts.key = ref("system:refs/heads/audit");
  CHECK(verdict(judged(facts, and_policy("  update: {by: [carol]}\n"))) == "update");
  facts.key = ref("system:refs/heads/other");
  CHECK(verdict(judged(facts, and_policy("  update: {by: [carol]}\n"))) == "ungoverned");
}

// --- A push must leave somebody to approve it ---------------------------------------------------

TEST_CASE("a push that leaves no eligible approver is refused") {
  CommitFacts by_all = commit_by("alice");
  by_all.co_author_emails = {"bob@example.org", "carol@example.org"};
  const Decision decision = judged(push_by("alice", {by_all}));
  CHECK(verdict(decision) == "eligible-approver");
  CHECK(result_of(decision, "eligible-approver").policy == "flow:deploy");
  CHECK(result_of(decision, "eligible-approver").reason.find("alice, bob, carol") !=
        std::string::npos);
}

TEST_CASE("who could approve is judged for each commit, or for all where the flow says so") {
  CommitFacts first = commit_by("alice", 1);
  first.co_author_emails = {"bob@example.org"};
  CommitFacts second = commit_by("alice", 2);
  second.co_author_emails = {"carol@example.org"};
  const UpdateFacts facts = push_by("alice", {first, second});
  CHECK(verdict(judged(facts)) == "allowed");
  CHECK(verdict(judged(facts, with(organisation(), "validFor: 7d", "independence: promotion"))) ==
        "eligible-approver");
}

TEST_CASE("an approver without a key for approvals is not eligible") {
  std::string yaml = organisation();
  for (const std::string_view who : {"bob", "carol"}) {
    const std::string key = "ssh: " + test::key_line(who);
    yaml = with(yaml, key, key + "\n      usage: [commits]");
  }
  CHECK(verdict(judged(push_by("alice", {commit_by("alice")}), yaml)) == "eligible-approver");
  CHECK(verdict(judged(push_by("bob", {commit_by("bob")}), yaml)) == "allowed");
}

TEST_CASE("where the flow asks for nothing, nobody need be left") {
  CommitFacts by_all = commit_by("alice");
  by_all.co_author_emails = {"bob@example.org", "carol@example.org"};
  CHECK(verdict(judged(push_by("alice", {by_all}),
                       with(organisation(), "{count: 1, from: [group:reviewers]",
                            "{count: 0, from: [group:reviewers]"))) == "allowed");
}

}  // namespace statehouse
