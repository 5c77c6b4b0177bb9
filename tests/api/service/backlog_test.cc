#include <algorithm>
#include <filesystem>
#include <semaphore>

#include "store/git/object_writer.h"
#include "tests/api/service/service_fixture.h"

// Snapshots that are made more slowly than versions come.

namespace statehouse::test {

namespace {

/// While this lives, the first snapshot of a version is built and not kept.
class StuckBuild {
 public:
  explicit StuckBuild(ServiceFixture& fixture) : fixture_(fixture) {
    fixture.steps.meanwhile("snapshot.sync", [this] {
      reached_.release();
      go_on_.acquire();
    });
  }
  StuckBuild(const StuckBuild&) = delete;
  StuckBuild& operator=(const StuckBuild&) = delete;
  ~StuckBuild() {
    go_on_.release();
    fixture_.settle();
  }

  void wait_until_reached() { reached_.acquire(); }

 private:
  ServiceFixture& fixture_;
  std::binary_semaphore reached_{0};
  std::binary_semaphore go_on_{0};
};

/// A tree of 17 names of one file of 4 MiB.
Oid large_tree(Workshop& workshop) {
  const Oid blob = workshop.write(ObjectType::kBlob, std::string(4U << 20, '\n'));
  std::vector<TreeEntry> entries;
  for (int i = 10; i < 27; ++i) {
    entries.push_back({FileMode::kFile, "f" + std::to_string(i), blob});
  }
  return workshop.write(ObjectType::kTree, serialize_tree(entries));
}

FileMap numbered(int number) { return {{"a.yaml", "a: " + std::to_string(number) + "\n"}}; }

std::uint64_t bytes_in(const Path& directory) {
  std::uint64_t bytes = 0;
  for (const std::string& name : must(list_directory(directory))) {
    bytes += std::filesystem::file_size(directory / name);
  }
  return bytes;
}

/// Objects of the platform that no version has: a tree with one file of 8 MiB.
Oid plant_tree(ServiceFixture& fixture, char letter) {
  const Path path = fixture.core().repositories.path(must(RepositoryName::parse("platform")));
  const std::vector<GitObject> blob{{ObjectType::kBlob, std::string(8U << 20, letter)}};
  const Oid file = must(write_objects_durably(path, blob, fixture.steps)).front();
  const std::vector<GitObject> tree{
      {ObjectType::kTree, serialize_tree({{FileMode::kFile, "file", file}})}};
  return must(write_objects_durably(path, tree, fixture.steps)).front();
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "who owes many snapshots pushes no further large one") {
  const Oid large = large_tree(workshop);
  {
    StuckBuild stuck(*this);
    for (int i = 0; i < 16; ++i) push_commit({.files = numbered(i)});
    const PushResult refused = push("alice", commit({.tree = large}));
    CHECK_FALSE(refused.accepted());
    CHECK(refused.denied_by("store/backlog"));
    push_commit({.files = numbered(16)});
    const Oid elsewhere = workshop.commit({.tree = large});
    CHECK(push("alice", "platform", {{"refs/heads/topic/a", elsewhere}}).accepted());
  }
  push_commit({.tree = large});
}

TEST_CASE_FIXTURE(ServiceFixture, "of versions that are out of date no archive is kept") {
  {
    StuckBuild stuck(*this);
    push_commit({.files = numbered(1)});
    stuck.wait_until_reached();
    push_commit({.files = numbered(2)});
    push_commit({.files = numbered(3)});
  }
  const RefKey key = key_of("platform:refs/heads/audit");
  const auto is_kept = [&](const StatementRecord& statement) {
    const Path file = store->layout().archives() / (statement.archive_digest.substr(7) + ".tar");
    return std::filesystem::exists(file);
  };
  const StatementRecord second = must(store->statements().wait_for(key, 2, Milliseconds(0)));
  CHECK_FALSE(is_kept(second));
  CHECK(is_kept(must(store->statements().wait_for(key, 3, Milliseconds(0)))));
  const auto version = must(ledger().version(key, 2));
  must(store->archives().open(key.repository, version->content->tree, second.archive_digest,
                              second.archive_bytes));
  CHECK(is_kept(second));
}

TEST_CASE_FIXTURE(ServiceFixture, "the cache of archives keeps its limit while it builds") {
  constexpr std::uint64_t kBytesMax = 40U << 20;
  const TemporaryDirectory folder = must(TemporaryDirectory::create("/tmp", "cache-"));
  const Path scratch = folder.path() / "tmp";
  const Path kept = folder.path() / "kept";
  must(make_directories(scratch));
  must(make_directories(kept));
  ArchiveCache cache(core(), kept, scratch, kBytesMax);
  push_commit();
  settle();
  std::uint64_t most = 0;
  for (const char letter : {'a', 'b', 'c', 'd', 'e', 'f', 'g'}) {
    const Oid tree = plant_tree(*this, letter);
    steps.meanwhile("snapshot.sync", [&] { most = std::max(most, bytes_in(kept) + (8U << 20)); });
    must(cache.build(must(RepositoryName::parse("platform")), tree));
  }
  CHECK(most > (16U << 20));
  CHECK(most <= kBytesMax);
}

TEST_CASE_FIXTURE(ServiceFixture, "an archive that somebody builds again is not built twice") {
  push_commit();
  settle();
  const RefKey key = key_of("platform:refs/heads/audit");
  const Oid tree = state("platform:refs/heads/audit")->content->tree;
  const StatementRecord statement = must(store->statements().wait_for(key, 1, Milliseconds(0)));
  const auto read = [&] {
    return store->archives().open(key.repository, tree, statement.archive_digest,
                                  statement.archive_bytes);
  };
  must(store->archives().trim(0));
  std::optional<ErrorCode> meanwhile;
  steps.meanwhile("snapshot.sync", [&] { meanwhile = code_of(read()); });
  must(read());
  CHECK(meanwhile == ErrorCode::kUnavailable);
}

TEST_CASE_FIXTURE(ServiceFixture, "what a killed build leaves is gone after the next start") {
  const Path beside = store->layout().archives().parent_path() / "build-left";
  const Path inside = store->layout().scratch() / "build-left";
  must(make_directories(beside));
  must(make_directories(inside));
  std::vector<std::string> in_scratch;
  steps.meanwhile("snapshot.sync",
                  [&] { in_scratch = must(list_directory(store->layout().scratch())); });
  push_commit();
  settle();
  CHECK(std::ranges::count_if(
            in_scratch, [](const std::string& name) { return name.starts_with("build-"); }) == 2);
  reopen();
  CHECK_FALSE(std::filesystem::exists(beside));
  CHECK_FALSE(std::filesystem::exists(inside));
}

}  // namespace statehouse::test
