#include <cstdlib>
#include <filesystem>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"
#include "store/git/archive.h"
#include "store/git/closure_check.h"
#include "store/git/object_rules.h"
#include "store/git/tree_digest.h"
#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

ArchiveDigest digest_of(const GitRepository& repository, const Oid& tree) {
  return must(write_archive(repository, tree, [](std::string_view) -> Result<> { return {}; }));
}

/// A real history pushed as one pack, checked as a push is.
void check_bundle(const Path& bundle) {
  StoreFixture fixture;
  const Workspace workspace;
  workspace.git({"fetch", "-q", bundle.string(), "+refs/heads/*:refs/remotes/b/*"});
  const std::string ref_line =
      workspace.git({"for-each-ref", "--format=%(objectname)", "refs/remotes/b"});
  const Oid tip = oid(ref_line.substr(0, 40));
  Quarantine quarantine = must(fixture.ingest(workspace.pack(tip)));
  must(quarantine.require_connected(std::vector{tip}, {}));
  must(quarantine.make_durable(fixture.steps));
  const PooledRepository repository = fixture.open();
  const auto commits =
      must(commits_reachable(*repository, std::vector{tip}, {}, limits::kCommitsPerPushMax));
  CHECK(std::to_string(commits.size()) + "\n" == workspace.git({"rev-list", "--count", tip.hex()}));
  ObjectRules rules;
  const auto finding = must(rules.check_commits(*repository, commits));
  if (finding) FAIL_CHECK(finding->rule, " at ", finding->path);
  const Oid tree = must(repository->read_commit(tip)).tree;
  const ArchiveDigest digest = digest_of(*repository, tree);
  CHECK(digest == digest_of(*repository, tree));
  MESSAGE(bundle.filename().string(), ": ", commits.size(), " commits, archive ", digest.size,
          " bytes ", hex_encode(digest.sha256));
  const auto fresh = must(fixture.store->open_fresh(fixture.name));
  CHECK(must(check_closure(*fresh, std::vector{tip})).problems.empty());
}

}  // namespace

TEST_CASE("real GitOps histories pass every check of a push, and their archives are fixed") {
  const char* data = std::getenv("STATEHOUSE_DATA");
  if (data == nullptr) {
    MESSAGE("skipped: STATEHOUSE_DATA is not set");
    return;
  }
  for (const auto& file : std::filesystem::directory_iterator(data)) {
    if (file.path().extension() == ".bundle") check_bundle(file.path());
  }
}

}  // namespace statehouse::test
