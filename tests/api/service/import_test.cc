#include "crypto/base/encoding.h"
#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

/// Two commits by people whom the store does not know, without signatures.
Oid make_history(Workshop& workshop) {
  const Oid first = workshop.commit({.author = "stranger",
                                     .files = {{"apps/old.yaml", "kind: ConfigMap\n"}},
                                     .message = "Long ago\n",
                                     .is_signed = false});
  return workshop.commit({.author = "visitor",
                          .files = {{"apps/old.yaml", "kind: Deployment\n"}},
                          .parents = {first},
                          .message = "Not so long ago\n",
                          .is_signed = false});
}

/// The organisation with a baseline of platform's audit branch at `commit`.
std::string with_baseline(Workshop& workshop, const Oid& commit, std::string tree_sha256 = "") {
  const auto repository =
      must(GitRepository::open(workshop.path() / "objects", {}, std::make_shared<CommitGraph>()));
  const GitCommit object = must(repository->read_commit(commit));
  TreeDigests digests;
  if (tree_sha256.empty()) {
    tree_sha256 = hex_encode(must(digests.tree_sha256(*repository, object.tree)));
  }
  const std::string spec = "spec: {description: The shop, defaultBranch: refs/heads/audit}";
  std::string text = ServiceFixture::organisation();
  return text.replace(
      text.find(spec), spec.size(),
      "spec:\n  defaultBranch: refs/heads/audit\n  baselines:\n"
      "    - ref: refs/heads/audit\n      commit: " +
          commit.hex() + "\n      tree: " + object.tree.hex() + "\n      commitSha256: sha256:" +
          git_object_sha256("commit", object.raw) + "\n      treeSha256: sha256:" + tree_sha256);
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "history that no baseline names is refused") {
  CHECK(push("alice", make_history(workshop)).denied_by("audit/signatures"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a baseline whose tree is another under SHA-256 is refused") {
  const Oid tip = make_history(workshop);
  declare({{"organisation.yaml", with_baseline(workshop, tip, std::string(64, 'a'))}});
  CHECK(push("alice", tip).denied_by("store/baseline"));
  CHECK_FALSE(objects("platform")->has_object(tip));
}

TEST_CASE_FIXTURE(ServiceFixture, "other history than the baseline's is refused") {
  declare({{"organisation.yaml", with_baseline(workshop, make_history(workshop))}});
  const Oid other = workshop.commit({.author = "stranger", .is_signed = false});
  CHECK(push("alice", other).denied_by("audit/signatures"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a baseline brings history in as an import and counts it") {
  const Oid history = make_history(workshop);
  declare({{"organisation.yaml", with_baseline(workshop, history)}});
  const PushResult result = push("alice", history);
  CHECK_MESSAGE(result.accepted(), result.text());
  const VersionRecord record = *must(ledger().version(key_of("platform:refs/heads/audit"), 1));
  CHECK(record.kind == VersionKind::kImport);
  CHECK(record.commits.fresh == 2);
  CHECK(record.commits.baseline == 2);
  CHECK(record.commits.unverified == 2);
}

TEST_CASE_FIXTURE(
    ServiceFixture,
    "on top of a baseline signed commits are plain pushes, unsigned ones are refused") {
  const Oid history = make_history(workshop);
  declare({{"organisation.yaml", with_baseline(workshop, history)}});
  REQUIRE(push("alice", history).accepted());
  CHECK(push("alice", commit({.is_signed = false})).denied_by("audit/signatures"));
  const Oid own = push_commit();
  CHECK(must(ledger().version(key_of("platform:refs/heads/audit"), 2))->kind == VersionKind::kPush);
  const PromotionNumber number = open("alice", "deploy");
  const auto situation = must(store->promotions().situation(as("bob"), number));
  REQUIRE(situation.commits.size() == 2);  // the baseline stands for what is below it
  CHECK(situation.commits[0].facts.oid == history);
  CHECK(situation.commits[0].facts.is_baseline);
  CHECK(situation.commits[1].facts.oid == own);
  CHECK_FALSE(situation.commits[1].facts.is_baseline);
  accepted(store->promotions().close(as("alice"), number));
  const VersionRecord sealed = promote("deploy");
  CHECK(sealed.content->tree == state("platform:refs/heads/audit")->content->tree);
}

TEST_CASE_FIXTURE(ServiceFixture, "a baseline may be promoted as it is") {
  const Oid history = make_history(workshop);
  declare({{"organisation.yaml", with_baseline(workshop, history)}});
  REQUIRE(push("carol", history).accepted());
  CHECK(promote("deploy").version == 1);
}

}  // namespace statehouse::test
