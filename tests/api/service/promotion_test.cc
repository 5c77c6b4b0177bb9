#include <algorithm>
#include <barrier>
#include <filesystem>
#include <thread>

#include "api/service/integrity.h"
#include "api/service/promotion_facts.h"
#include "crypto/base/limits.h"
#include "crypto/base/subprocess.h"
#include "crypto/dsse.h"
#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

/// The error of an approval that is not even looked at.
ErrorCode approval_error(const Result<PromotionOutcome>& outcome) { return code_of(outcome); }

/// What stock git makes of the signature of `commit`, in the store's own repository.
SubprocessResult git_verify(ServiceFixture& fixture, const std::string& repository,
                            const Oid& commit,
                            const std::vector<std::pair<std::string, std::string>>& variables,
                            const std::vector<std::string>& settings) {
  SubprocessOptions options;
  options.arguments = {"git"};
  for (const std::string& setting : settings) {
    options.arguments.insert(options.arguments.end(), {"-c", setting});
  }
  options.arguments.insert(options.arguments.end(), {"verify-commit", commit.hex()});
  options.environment = minimal_environment();
  options.environment.emplace_back(
      "GIT_DIR",
      fixture.core().repositories.path(must(RepositoryName::parse(repository))).string());
  options.environment.emplace_back("GIT_CONFIG_NOSYSTEM", "1");
  options.environment.emplace_back("GIT_CONFIG_GLOBAL", "/dev/null");
  options.environment.insert(options.environment.end(), variables.begin(), variables.end());
  return must(run_subprocess(options));
}

void write_text(const Path& file, std::string_view text) {
  UnwatchedSteps steps;
  must(write_file_durably(file, text, 0600, steps, "test"));
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "of many who open one commit at once only one does") {
  push_commit();
  const AuthenticatedCaller caller = as("alice");
  std::vector<std::optional<Result<PromotionOutcome>>> outcomes(8);
  std::barrier start(std::ssize(outcomes));
  {
    std::vector<std::jthread> openers;
    for (auto& outcome : outcomes) {
      openers.emplace_back([&] {
        start.arrive_and_wait();
        outcome = store->promotions().open(caller, {.flow = name_of_resource("deploy")});
      });
    }
  }
  const auto opened = [](const auto& outcome) { return outcome->has_value(); };
  CHECK(std::ranges::count_if(outcomes, opened) == 1);
  for (const auto& outcome : outcomes) {
    CHECK((opened(outcome) || outcome->error().code == ErrorCode::kConflict));
  }
  CHECK(must(ledger().promotions({.flow = "deploy"})).records.size() == 1);
}

TEST_CASE_FIXTURE(ServiceFixture, "an author's own approval is refused and logged") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const std::uint64_t size = log_size();
  CHECK(refusal_of(approve("alice", number)) == "self-approval");
  CHECK(log_size() == size + 1);
  CHECK(newest_event()["type"] == "statehouse.promotion.refused");
}

TEST_CASE_FIXTURE(ServiceFixture, "a committer's approval of another's commit is refused") {
  push_commit({.author = "alice", .committer = "bob"});
  CHECK(refusal_of(approve("bob", open("alice", "deploy"))) == "self-approval");
}

TEST_CASE_FIXTURE(ServiceFixture, "the approval of who pushed another's commit is refused") {
  const Oid made = commit({.author = "alice"});
  REQUIRE(push("bob", made).accepted());
  CHECK(refusal_of(approve("bob", open("alice", "deploy"))) == "self-approval");
}

TEST_CASE_FIXTURE(ServiceFixture, "a co-author's approval is refused") {
  push_commit({.message = "Shop\n\nCo-authored-by: Bob <bob@example.org>\n"});
  CHECK(refusal_of(approve("bob", open("alice", "deploy"))) == "self-approval");
}

TEST_CASE_FIXTURE(ServiceFixture, "the owner of a robot does not approve what the robot wrote") {
  push_commit({.author = "ci"});
  const PromotionNumber number = open("bob", "deploy");
  CHECK(refusal_of(approve("alice", number)) == "self-approval");
  accepted(approve("bob", number));
}

TEST_CASE_FIXTURE(ServiceFixture, "a second key makes nobody a second person") {
  declare({{"identities/alice.yaml",
            "apiVersion: statehouse/v1\nkind: Identity\nmetadata: {name: alice}\nspec:\n"
            "  type: person\n  emails: [alice@example.org]\n  keys:\n    - ssh: \"" +
                public_key_line("alice") + "\"\n    - ssh: \"" + public_key_line("alice-laptop") +
                "\"\n"}});
  push_commit({.author = "alice", .signer = "alice-laptop"});
  const PromotionNumber number = open("alice", "deploy");
  CHECK(refusal_of(approve_with("alice", number, "alice", nullptr)) == "self-approval");
  CHECK(refusal_of(approve_with("alice", number, "alice-laptop", nullptr)) == "self-approval");
}

TEST_CASE_FIXTURE(ServiceFixture, "somebody who is no approver does not approve") {
  push_commit();
  CHECK(refusal_of(approve("ci", open("alice", "deploy"))) == "approvals");
}

TEST_CASE_FIXTURE(ServiceFixture, "an approval signed by somebody else's key is refused") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  CHECK(approval_error(approve_with("bob", number, "carol", nullptr)) == ErrorCode::kUnverified);
  CHECK(approval_error(approve_with("bob", number, "nobody", nullptr)) == ErrorCode::kUnverified);
  CHECK(refusal_of(merge("bob", number)) == "approvals");
}

TEST_CASE_FIXTURE(ServiceFixture, "a signature made for a commit is no approval") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const auto situation =
      must(store->promotions().situation(AuthenticatedCaller::control(), number));
  DsseEnvelope envelope{std::string(kInTotoPayloadType), situation.statement.payload(), {}};
  envelope.signatures.push_back(
      sign_dsse_ssh(envelope.payload_type, envelope.payload, kSshNamespaceGit, key_named("bob")));
  CHECK(code_of(store->promotions().approve(as("bob"), number, envelope.serialise())) ==
        ErrorCode::kUnverified);
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "an approval of anything but what the promotion is now is refused") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  std::function<void(ApprovalStatement&)> change;
  SUBCASE("another tree") {
    change = [](auto& s) { s.tree = std::string(40, 'a'); };
  }
  SUBCASE("another tree under SHA-256") {
    change = [](auto& s) { s.tree_sha256 = std::string(64, 'a'); };
  }
  SUBCASE("another commit") {
    change = [](auto& s) { s.source_commit = std::string(40, 'a'); };
  }
  SUBCASE("another source") {
    change = [](auto& s) { s.source_ref = "refs/heads/topic/a"; };
  }
  SUBCASE("another target") {
    change = [](auto& s) { s.target_ref = "refs/heads/other"; };
  }
  SUBCASE("another base") {
    change = [](auto& s) { s.target_base = std::string(40, 'a'); };
  }
  SUBCASE("another flow") {
    change = [](auto& s) { s.flow = "mirror"; };
  }
  SUBCASE("another policy") {
    change = [](auto& s) { s.policy_digest = "sha256:" + std::string(64, 'a'); };
  }
  SUBCASE("another promotion") {
    change = [](auto& s) { ++s.promotion; };
  }
  SUBCASE("another store") {
    change = [](auto& s) { s.origin = "other.example.org"; };
  }
  SUBCASE("another epoch") {
    change = [](auto& s) { ++s.epoch; };
  }
  CHECK(approval_error(approve_with("bob", number, "bob", change)) == ErrorCode::kConflict);
  CHECK(refusal_of(merge("bob", number)) == "approvals");
}

TEST_CASE_FIXTURE(ServiceFixture, "without approval nothing is merged") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  CHECK(refusal_of(merge("bob", number)) == "approvals");
  CHECK_FALSE(state("platform:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a rejection holds a promotion until it is taken back") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  accepted(approve_with("carol", number, "carol",
                        [](auto& s) { s.verdict = ApprovalVerdict::kReject; }));
  CHECK(refusal_of(merge("bob", number)) == "rejected");
  accepted(approve("carol", number));
  accepted(merge("bob", number));
}

TEST_CASE_FIXTURE(ServiceFixture, "an approval ends when its signer said, and when the flow says") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  SUBCASE("its signer's hour") {
    accepted(approve_with("bob", number, "bob", [&](ApprovalStatement& s) {
      s.expires = clock.now() + std::chrono::hours(1);
    }));
    clock.advance(std::chrono::hours(1));
  }
  SUBCASE("the flow's week") {
    accepted(approve("bob", number));
    clock.advance(std::chrono::hours(7 * 24 + 1));
  }
  CHECK(refusal_of(merge("bob", number)).find("approvals") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "a target that moved makes approvals stale") {
  push_commit();
  const PromotionNumber first = open("alice", "deploy");
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  const PromotionNumber second = open("alice", "deploy");
  accepted(approve("bob", first));
  accepted(approve("bob", second));
  accepted(merge("bob", first));
  CHECK(refusal_of(merge("bob", second)).find("stale") != std::string::npos);
  accepted(approve("bob", second));
  accepted(merge("bob", second));
}

TEST_CASE_FIXTURE(ServiceFixture, "what a newer promotion contains is superseded") {
  push_commit();
  const PromotionNumber older = open("alice", "deploy");
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  promote("deploy");
  CHECK(code_of(approve("bob", older)) == ErrorCode::kConflict);
  const auto reject = [](ApprovalStatement& s) { s.verdict = ApprovalVerdict::kReject; };
  CHECK(code_of(approve_with("bob", older, "bob", reject)) == ErrorCode::kConflict);
  CHECK(refusal_of(merge("bob", older)).find("superseded") != std::string::npos);
  accepted(store->promotions().close(as("alice"), older));
  CHECK(code_of(approve("bob", older)) == ErrorCode::kConflict);
}

TEST_CASE_FIXTURE(ServiceFixture, "a promotion that pins another commit needs new approvals") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  accepted(store->promotions().update(as("alice"), number, next));
  CHECK(refusal_of(merge("bob", number)).find("approvals") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "later pushes to the source never touch a promotion") {
  const Oid pinned = push_commit();
  const PromotionNumber number = open("alice", "deploy");
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  accepted(approve("bob", number));
  accepted(merge("bob", number));
  const PooledRepository platform = objects("platform");
  CHECK(state("platform:refs/heads/deploy")->content->tree ==
        must(platform->read_commit(pinned)).tree);
}

TEST_CASE_FIXTURE(ServiceFixture, "only those whom the flow names open and merge") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  CHECK(refusal_of(merge("ci", number)) == "merge");
  CHECK(code_of(merge("mallory", number)) == ErrorCode::kNotFound);
  OpenPromotion request{.flow = name_of_resource("deploy")};
  CHECK(code_of(store->promotions().open(as("mallory"), request)) == ErrorCode::kNotFound);
  CHECK(code_of(store->promotions().merge(as("bob", TokenScope::kRead), number)) ==
        ErrorCode::kDenied);
  CHECK(code_of(store->promotions().merge(AuthenticatedCaller::control(), number)) ==
        ErrorCode::kDenied);
  CHECK_FALSE(state("platform:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "an approver who leaves the group takes the approval along") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("carol", number));
  std::string text = organisation();
  const std::string members = "spec: {members: [alice, bob, carol]}";
  text.replace(text.find(members), members.size(), "spec: {members: [alice, bob]}");
  declare({{"organisation.yaml", text}});
  CHECK(refusal_of(merge("bob", number)).find("approvals") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "what is merged is over") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  accepted(merge("bob", number));
  CHECK(code_of(merge("bob", number)) == ErrorCode::kConflict);
  CHECK(code_of(approve("carol", number)) == ErrorCode::kConflict);
  CHECK(code_of(store->promotions().close(as("alice"), number)) == ErrorCode::kConflict);
}

TEST_CASE_FIXTURE(ServiceFixture, "a closed promotion is not merged") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  accepted(store->promotions().close(as("alice"), number));
  CHECK(code_of(merge("bob", number)) == ErrorCode::kConflict);
}

TEST_CASE_FIXTURE(ServiceFixture, "a commit is promoted once at a time") {
  push_commit();
  const PromotionNumber first = open("alice", "deploy");
  const OpenPromotion request{.flow = name_of_resource("deploy")};
  CHECK(code_of(store->promotions().open(as("bob"), request)) == ErrorCode::kConflict);
  const Oid next = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  const PromotionNumber second = open("bob", "deploy");
  CHECK(code_of(store->promotions().update(as("alice"), first, next)) == ErrorCode::kConflict);
  accepted(store->promotions().close(as("bob"), second));
  accepted(store->promotions().update(as("alice"), first, next));
}

TEST_CASE_FIXTURE(ServiceFixture, "a promotion brings no more than a reviewer is shown") {
  push_commit();
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  push_commit({.files = {{"apps/shop.yaml", "kind: Better\n"}}});
  const PromotionRecord record = must(ledger().promotion(open("alice", "deploy")));
  CHECK(PromotionGatherer(core(), 3).gather(record, std::nullopt));
  const auto too_many = PromotionGatherer(core(), 2).gather(record, std::nullopt);
  CHECK(code_of(too_many) == ErrorCode::kConflict);
  CHECK(too_many.error().message.find("more than 2 commits") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "an administrator closes what somebody else opened") {
  push_commit();
  const PromotionNumber number = open("carol", "deploy");
  accepted(store->promotions().close(as("alice"), number));
  CHECK(must(ledger().promotion(number)).state == PromotionState::kClosed);
}

TEST_CASE_FIXTURE(ServiceFixture, "nobody fills the log with what is said about promotions") {
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const auto comment = [&](std::string_view who) {
    return store->promotions().comment(as(who), number, "again", std::nullopt, std::nullopt);
  };
  for (std::size_t i = 1; i < limits::kPromotionEntriesPerMinute; ++i) accepted(comment("alice"));
  CHECK(code_of(comment("alice")) == ErrorCode::kUnavailable);
  CHECK(code_of(store->promotions().close(as("alice"), number)) == ErrorCode::kUnavailable);
  accepted(comment("bob"));
  clock.advance(std::chrono::minutes(1));
  accepted(comment("alice"));
}

TEST_CASE_FIXTURE(ServiceFixture, "what the target holds already is not promoted") {
  const Oid first = push_commit();
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  promote("deploy");
  OpenPromotion request{.flow = name_of_resource("deploy")};
  const auto again = store->promotions().open(as("alice"), request);
  CHECK(code_of(again) == ErrorCode::kConflict);
  CHECK(again.error().message.find("nothing to promote") != std::string::npos);
  request.commit = first;
  CHECK(code_of(store->promotions().open(as("alice"), request)) == ErrorCode::kConflict);
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  CHECK(code_of(store->promotions().update(as("alice"), number, first)) == ErrorCode::kConflict);
  accepted(approve("bob", number));
  accepted(merge("bob", number));
  CHECK(version("platform:refs/heads/deploy") == 2);
}

TEST_CASE_FIXTURE(ServiceFixture, "a comment is on a file that is there, or on none") {
  push_commit({.files = {{"apps/shop.yaml", "kind: ConfigMap\n"}, {"old.yaml", "a: 1\n"}}});
  promote("deploy");
  push_commit();
  const PromotionNumber number = open("alice", "deploy");
  const auto comment = [&](const std::optional<std::string>& path,
                           std::optional<std::uint64_t> line) {
    return store->promotions().comment(as("bob"), number, "Look", path, line);
  };
  CHECK(code_of(comment("no/such.yaml", 1)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(comment("../shop.yaml", 1)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(comment(std::nullopt, 1)) == ErrorCode::kInvalidArgument);
  accepted(comment("apps/shop.yaml", 1));
  accepted(comment("apps", std::nullopt));
  accepted(comment("old.yaml", 1));  // the promotion takes it away
  accepted(comment(std::nullopt, std::nullopt));
  CHECK(must(ledger().comments(number)).size() == 4);
}

TEST_CASE_FIXTURE(ServiceFixture, "a commit that is not on the source is not promoted") {
  push_commit();
  const Oid aside = commit({.files = {{"aside.yaml", "a: 1\n"}}});
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", aside}}).accepted());
  OpenPromotion request{.flow = name_of_resource("deploy"), .commit = aside};
  CHECK(code_of(store->promotions().open(as("alice"), request)) == ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(ServiceFixture, "a seal has exactly the source's tree and both parents") {
  const Oid first = push_commit();
  const VersionRecord one = promote("deploy");
  const Oid second = push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  const VersionRecord two = promote("deploy");
  const PooledRepository platform = objects("platform");
  const GitCommit seal = must(platform->read_commit(two.content->commit));
  CHECK(seal.tree == must(platform->read_commit(second)).tree);
  CHECK(seal.parents == std::vector<Oid>{one.content->commit, second});
  CHECK(must(platform->read_commit(one.content->commit)).parents == std::vector<Oid>{first});
  CHECK(seal.object.message.find("Statehouse-Version: 2\n") != std::string::npos);
  CHECK(ref_file("platform:refs/heads/deploy") == two.content->commit);
  CHECK(two.approved_by == std::vector<std::string>{"bob"});
}

TEST_CASE_FIXTURE(ServiceFixture, "a seal satisfies the commit rules of its target") {
  std::string text = organisation();
  const std::string from = "update: {by: [\"flow:deploy\"]}";
  text.replace(text.find(from), from.size(),
               from + "\n  commits: {signatures: required, signers: [group:developers]}");
  declare({{"organisation.yaml", text}});
  push_commit();
  const VersionRecord version = promote("deploy");
  CHECK(version.commits.unverified == 0);
  CHECK(version.commits.verified == 2);
}

TEST_CASE_FIXTURE(ServiceFixture, "stock git verifies an OpenPGP seal with the published key") {
  push_commit();
  const Oid seal = promote("deploy").content->commit;
  const TemporaryDirectory home = must(TemporaryDirectory::create("/tmp", "sthg-"));
  write_text(home.path() / "key.asc", store->trust().content().sealing_openpgp_key);
  SubprocessOptions import;
  import.arguments = {
      "gpg",     "--homedir",      home.path().string(), "--batch",
      "--quiet", "--no-autostart", "--import",           (home.path() / "key.asc").string()};
  import.environment = minimal_environment();
  must(run_subprocess(import));
  const auto verified =
      git_verify(*this, "platform", seal, {{"GNUPGHOME", home.path().string()}}, {});
  CHECK_MESSAGE(verified.succeeded(), verified.stderr_bytes);
}

TEST_CASE_FIXTURE(ServiceFixture, "stock git verifies an SSH seal with the published key") {
  push_commit();
  const Oid seal = promote("mirror").content->commit;
  const TemporaryDirectory home = must(TemporaryDirectory::create("/tmp", "sthg-"));
  const Path signers = home.path() / "signers";
  write_text(signers,
             "statehouse@store.example.org " + store->trust().content().sealing_ssh_key + "\n");
  const auto verified =
      git_verify(*this, "mirror", seal, {},
                 {"gpg.format=ssh", "gpg.ssh.allowedSignersFile=" + signers.string()});
  CHECK_MESSAGE(verified.succeeded(), verified.stderr_bytes);
  CHECK(verified.stderr_bytes.find("Good \"git\" signature") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "a flow to another repository brings the objects along") {
  const Oid source = push_commit();
  const VersionRecord version = promote("mirror");
  const PooledRepository mirror = objects("mirror");
  CHECK(mirror->has_object(source));
  CHECK(must(mirror->read_commit(version.content->commit)).parents == std::vector<Oid>{source});
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  CHECK(promote("mirror").version == 2);
  CHECK(must(check_integrity(*store, RefRepair::kReportOnly, nullptr)).ok());
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a promotion to another repository that fails leaves no pack there") {
  push_commit();
  const PromotionNumber number = open("alice", "mirror");
  accepted(approve("bob", number));
  steps.break_before("ledger.commit");
  CHECK(code_of(merge("bob", number)) == ErrorCode::kUnavailable);
  steps.heal();
  for (const std::string& file : object_files("mirror")) CHECK(file.find("pack") != 0);
  accepted(merge("bob", number));
}

TEST_CASE_FIXTURE(ServiceFixture, "own changes of the target are given up only by who signs so") {
  push_commit();
  promote("deploy");
  std::string text = organisation();
  const std::string from = "update: {by: [\"flow:deploy\"]}";
  text.replace(text.find(from), from.size(),
               "update: {by: [\"flow:deploy\", group:administrators]}");
  declare({{"organisation.yaml", text}});
  const Oid fix = workshop.commit({.files = {{"apps/shop.yaml", "kind: Fix\n"}},
                                   .parents = {tip("platform:refs/heads/deploy")}});
  REQUIRE(push("alice", "platform", {{"refs/heads/deploy", fix}}).accepted());
  push_commit({.files = {{"apps/shop.yaml", "kind: Secretless\n"}}});
  const PromotionNumber number = open("alice", "deploy");
  accepted(approve("bob", number));
  CHECK(refusal_of(merge("bob", number)) == "approvals target-has-own-changes");
  accepted(approve_with("bob", number, "bob", [](auto& s) { s.drops = {2}; }));
  accepted(merge("bob", number));
}

}  // namespace statehouse::test
