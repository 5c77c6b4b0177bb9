#include "store/git/quarantine.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "store/git/object_rules.h"
#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

constexpr unsigned kBlob = 3;

Workspace two_commits() {
  Workspace workspace;
  workspace.write("app.yaml", std::string(20'000, 'a') + "one");
  workspace.commit("one");
  workspace.write("app.yaml", std::string(20'000, 'a') + "two");
  workspace.commit("two");
  return workspace;
}

/// Two commits, of which the repository has the first and is sent the second.
struct ThinPush {
  explicit ThinPush(StoreFixture& fixture)
      : workspace(two_commits()),
        base(workspace.rev("HEAD~")),
        tip(workspace.rev("HEAD")),
        pack(workspace.pack(tip, base)) {
    fixture.push(workspace, base);
  }

  Workspace workspace;
  Oid base;
  Oid tip;
  std::string pack;  ///< with a delta on what the repository has
};

/// Overwrites what the packs of the repository hold, from byte 12 on.
void damage_packs(const StoreFixture& fixture) {
  for (const auto& file : std::filesystem::directory_iterator(fixture.app() / "objects" / "pack")) {
    if (file.path().extension() != ".pack") continue;
    std::filesystem::permissions(file.path(), std::filesystem::perms::owner_all);
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(12);
    bytes << std::string(file.file_size() - 32, 'x');
  }
}

std::vector<std::string> packs_of(const StoreFixture& fixture) {
  return must(list_directory(fixture.app() / "objects" / "pack"));
}

std::vector<std::string> objects_of(const StoreFixture& fixture) {
  return must(list_directory(fixture.app() / "objects"));
}

}  // namespace

TEST_CASE("a pack that git's strict check refuses is refused, and leaves nothing") {
  const StoreFixture fixture;
  const Workspace workspace;
  const Oid blob = workspace.raw_object("blob", "evil");
  const std::string entry(blob.bytes());
  const std::vector<std::string> bad_trees = {
      "100644 .git" + std::string(1, '\0') + entry,
      "100644 .GIT" + std::string(1, '\0') + entry,
      "100644 git~1" + std::string(1, '\0') + entry,
      "100644 .g\u200cit" + std::string(1, '\0') + entry,
      "100644 .." + std::string(1, '\0') + entry,
      "0100644 a" + std::string(1, '\0') + entry,
      "100644 a" + std::string(1, '\0') + entry + "100644 a" + std::string(1, '\0') + entry,
      "120000 .gitmodules" + std::string(1, '\0') + entry,
  };
  for (const std::string& bytes : bad_trees) {
    CAPTURE(bytes);
    const Oid commit = workspace.raw_commit(workspace.raw_object("tree", bytes));
    CHECK(code_of(fixture.ingest(workspace.pack(commit))) == ErrorCode::kInvalidArgument);
  }
  CHECK(objects_of(fixture) == std::vector<std::string>{"info", "pack"});
}

TEST_CASE("every nasty branch is refused") {
  const char* vectors = std::getenv("STATEHOUSE_VECTORS");
  if (vectors == nullptr) {
    MESSAGE("skipped: STATEHOUSE_VECTORS is not set");
    return;
  }
  const StoreFixture fixture;
  ObjectRules rules;
  const std::string nasty = std::string(vectors) + "/nasty/bare.git";
  const std::string listing = run("/", {"git", "-c", "safe.directory=*", "--git-dir=" + nasty,
                                        "for-each-ref", "--format=%(objectname) %(refname)"});
  std::size_t branches = 0;
  std::string_view rest = listing;
  for (; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    const std::string line(rest.substr(0, rest.find('\n')));
    CAPTURE(line);
    if (line.ends_with("/master")) continue;  // the one that is not nasty
    ++branches;
    const Oid tip = oid(line.substr(0, 40));
    const std::string pack = run("/",
                                 {"git", "-c", "safe.directory=*", "--git-dir=" + nasty,
                                  "pack-objects", "--revs", "--stdout", "-q"},
                                 tip.hex() + "\n");
    const Result<Quarantine> quarantine = fixture.ingest(pack);
    if (!quarantine) continue;
    const auto finding = must(rules.check_commits(quarantine->view(), std::vector{tip}));
    CHECK(finding.has_value());
  }
  CHECK(branches > 20);
}

TEST_CASE("bombs are refused before git sees them") {
  const StoreFixture fixture;
  std::string copies;
  for (int i = 0; i < 1500; ++i) copies += copy_from_start(1 << 20);
  PackBuilder bomb;
  bomb.object(kBlob, std::string(1 << 20, 'x'))
      .offset_delta(1, delta(1 << 20, 1500ULL << 20, copies));
  const Result<Quarantine> refused = fixture.ingest(bomb.build());
  CHECK(code_of(refused) == ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("made by a delta") != std::string::npos);
}

TEST_CASE("a delta whose instructions do not fit is refused by git") {
  const StoreFixture fixture;
  PackBuilder bad;
  bad.object(kBlob, "hello").offset_delta(1, delta(5, 100, copy_from_start(100)));
  CHECK(code_of(fixture.ingest(bad.build())) == ErrorCode::kInvalidArgument);
  std::string wrong_sum = PackBuilder().object(kBlob, "hello").build();
  wrong_sum.back() = static_cast<char>(wrong_sum.back() ^ 1);
  CHECK(code_of(fixture.ingest(wrong_sum)) == ErrorCode::kInvalidArgument);
}

TEST_CASE("a delta on an object that nobody has is refused") {
  const StoreFixture fixture;
  PackBuilder bad;
  bad.ref_delta(Oid::from_bytes(std::string(20, 'x')), delta(5, 5, copy_from_start(5)));
  CHECK(code_of(fixture.ingest(bad.build())) == ErrorCode::kInvalidArgument);
}

TEST_CASE("an unknown repository is not found") {
  const StoreFixture fixture;
  const RepositoryName other = must(RepositoryName::parse("other"));
  CHECK(code_of(Quarantine::ingest(*fixture.store, other, std::nullopt)) == ErrorCode::kNotFound);
}

TEST_CASE("quarantined objects are visible in the view alone, and vanish with it") {
  const StoreFixture fixture;
  const Workspace workspace = two_commits();
  const Oid tip = workspace.rev("HEAD");
  {
    const Quarantine quarantine = must(fixture.ingest(workspace.pack(tip)));
    CHECK(must(quarantine.view().read_commit(tip)).object.message == "two\n");
    CHECK_FALSE(fixture.open()->has_object(tip));
    CHECK(objects_of(fixture).size() == 3);
  }
  CHECK(objects_of(fixture) == std::vector<std::string>{"info", "pack"});
}

TEST_CASE("accepted objects are in the repository, and any git can read them") {
  StoreFixture fixture;
  const Workspace workspace = two_commits();
  const Oid tip = workspace.rev("HEAD");
  BreakingSteps steps;
  {
    Quarantine quarantine = must(fixture.ingest(workspace.pack(tip)));
    must(quarantine.require_connected(std::vector{tip}, {}));
    const PublishedObjects published = must(quarantine.make_durable(steps));
    CHECK(published.files().size() == 2);
    CHECK(quarantine.view().has_object(tip));
  }
  CHECK(steps.seen() ==
        std::vector<std::string>{"objects.pack-sync", "objects.move", "objects.sync-directory"});
  CHECK(fixture.open()->has_object(tip));
  run(fixture.app(), {"git", "-c", "safe.directory=*", "fsck", "--strict", tip.hex()});
}

TEST_CASE("a thin pack is completed from what the repository has") {
  StoreFixture fixture;
  const ThinPush thin(fixture);
  REQUIRE(must(scan_pack(as_file(thin.pack).get())).ref_deltas.size() == 1);
  Quarantine quarantine = must(fixture.ingest(thin.pack));
  must(quarantine.require_connected(std::vector{thin.tip}, std::vector{thin.base}));
  must(quarantine.make_durable(fixture.steps));
  const GitCommit commit = must(fixture.open()->read_commit(thin.tip));
  CHECK(commit.parents == std::vector{thin.base});
}

TEST_CASE("a thin pack is refused where deltas may not rest on what the repository has") {
  StoreFixture fixture;
  const ThinPush thin(fixture);
  const IngestLimits strict{.thin = false};
  CHECK(code_of(Quarantine::ingest(*fixture.store, fixture.name, PackInput{-1, 0, thin.pack},
                                   strict)) == ErrorCode::kInvalidArgument);
}

TEST_CASE("damage of the repository's own objects is not taken for a bad pack") {
  StoreFixture fixture;
  const ThinPush thin(fixture);
  SUBCASE("under a delta of the pack") {
    damage_packs(fixture);
    CHECK(code_of(fixture.ingest(thin.pack)) == ErrorCode::kCorrupt);
  }
  SUBCASE("below the commits that were sent") {
    const Quarantine quarantine = must(fixture.ingest(thin.workspace.pack(thin.tip)));
    const Quarantine nothing = must(Quarantine::ingest(*fixture.store, fixture.name, {}));
    damage_packs(fixture);
    CHECK(code_of(nothing.require_connected(std::vector{thin.base}, {})) == ErrorCode::kCorrupt);
    must(quarantine.require_brought(std::vector{thin.tip}, {}));
  }
}

TEST_CASE(
    "an object that lies in the repository and was not sent counts only when it is readable") {
  StoreFixture fixture;
  const Workspace workspace = two_commits();
  const Oid base = workspace.rev("HEAD~");
  const Oid tip = workspace.rev("HEAD");
  fixture.push(workspace, tip);
  const Quarantine nothing = must(Quarantine::ingest(*fixture.store, fixture.name, {}));
  must(nothing.require_connected(std::vector{tip}, std::vector{tip}));
  CHECK(code_of(nothing.require_brought(std::vector{tip}, std::vector{base})) ==
        ErrorCode::kInvalidArgument);
  CHECK(code_of(nothing.require_brought(std::vector{tip}, {})) == ErrorCode::kInvalidArgument);
  must(nothing.require_brought(std::vector{tip}, std::vector{tip}));
  const Quarantine all = must(fixture.ingest(workspace.pack(tip)));
  must(all.require_brought(std::vector{tip}, {}));
}

TEST_CASE("a missing object is found although a ref file claims it is there") {
  StoreFixture fixture;
  const Workspace workspace = two_commits();
  const Oid base = workspace.rev("HEAD~");
  const Oid tip = workspace.rev("HEAD");
  // The base was never sent; a bad ref file says that the repository has it.
  const std::string incomplete =
      workspace.git({"pack-objects", "--stdout", "-q"}, tip.hex() + "\n");
  const std::vector<RefFileUpdate> lie = {{ref("refs/heads/lie"), base}};
  must(write_ref_files(fixture.app(), lie, fixture.steps));
  const Result<Quarantine> quarantine = fixture.ingest(incomplete);
  if (quarantine) {
    const auto checked = quarantine->require_connected(std::vector{tip}, {});
    CHECK(code_of(checked) == ErrorCode::kInvalidArgument);
  } else {
    CHECK(code_of(quarantine) == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("connectivity sees holes that lie behind objects sent earlier") {
  StoreFixture fixture;
  const Workspace workspace = two_commits();
  const Oid tip = workspace.rev("HEAD");
  const Oid tree = workspace.rev("HEAD^{tree}");
  // A commit and its tree are lying about in the store, but not the blob.
  const GitObject commit_object{
      ObjectType::kCommit,
      "tree " + tree.hex() + "\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n"};
  const std::string tree_bytes = workspace.git({"cat-file", "tree", tree.hex()});
  const Oid dangling = fixture.plant({{ObjectType::kTree, tree_bytes}, commit_object});
  const Quarantine none = must(Quarantine::ingest(*fixture.store, fixture.name, std::nullopt));
  CHECK(code_of(none.require_connected(std::vector{dangling}, {})) == ErrorCode::kInvalidArgument);
  CHECK(code_of(none.require_connected(std::vector{tip}, {})) == ErrorCode::kInvalidArgument);
  CHECK(code_of(none.require_connected({}, std::vector{tip})) == ErrorCode::kCorrupt);
}

TEST_CASE("a denied push takes its objects out again, but never those of an earlier one") {
  StoreFixture fixture;
  const Workspace workspace = two_commits();
  const Oid tip = workspace.rev("HEAD");
  Quarantine first = must(fixture.ingest(workspace.pack(tip)));
  Quarantine second = must(fixture.ingest(workspace.pack(tip)));
  PublishedObjects accepted = must(first.make_durable(fixture.steps));
  PublishedObjects denied = must(second.make_durable(fixture.steps));
  CHECK(denied.files().empty());
  must(denied.remove());
  CHECK(fixture.open()->has_object(tip));
  must(accepted.remove());
  CHECK(packs_of(fixture).empty());
}

TEST_CASE("a push without a pack, or with an empty one, brings nothing") {
  StoreFixture fixture;
  Quarantine empty = must(fixture.ingest(PackBuilder().build()));
  CHECK(must(empty.make_durable(fixture.steps)).files().empty());
  Quarantine none = must(Quarantine::ingest(*fixture.store, fixture.name, std::nullopt));
  CHECK(must(none.make_durable(fixture.steps)).files().empty());
}

TEST_CASE("a step that fails is reported, and repeating the push succeeds") {
  const Workspace workspace = two_commits();
  const Oid tip = workspace.rev("HEAD");
  for (const char* step : {"objects.pack-sync", "objects.move", "objects.sync-directory"}) {
    for (const bool is_before : {true, false}) {
      CAPTURE(step);
      CAPTURE(is_before);
      const StoreFixture fixture;
      BreakingSteps breaking;
      is_before ? breaking.break_before(step) : breaking.break_after(step);
      {
        Quarantine quarantine = must(fixture.ingest(workspace.pack(tip)));
        CHECK(code_of(quarantine.make_durable(breaking)) == ErrorCode::kUnavailable);
      }
      BreakingSteps whole;
      Quarantine again = must(fixture.ingest(workspace.pack(tip)));
      must(again.make_durable(whole));
      CHECK(fixture.open()->has_object(tip));
    }
  }
}

TEST_CASE("a pack behind other bytes of a file is read from where it starts") {
  const StoreFixture fixture;
  const Workspace workspace = two_commits();
  const FileDescriptor fd = as_file("commands 0000" + workspace.pack(workspace.rev("HEAD")));
  ::lseek(fd.get(), 3, SEEK_SET);
  const Quarantine quarantine =
      must(Quarantine::ingest(*fixture.store, fixture.name, PackInput{fd.get(), 13, {}}));
  CHECK(quarantine.view().has_object(workspace.rev("HEAD")));
  CHECK(::lseek(fd.get(), 0, SEEK_CUR) == 3);
}

TEST_CASE("history read through a quarantine is not remembered when it is dropped") {
  const StoreFixture fixture;
  const Workspace workspace = two_commits();
  const Oid tip = workspace.rev("HEAD");
  {
    const Quarantine quarantine = must(fixture.ingest(workspace.pack(tip)));
    CHECK(must(commits_reachable(quarantine.view(), std::vector{tip}, {}, 10)).size() == 2);
  }
  const PooledRepository repository = fixture.open();
  CHECK(code_of(commits_reachable(*repository, std::vector{tip}, {}, 10)) == ErrorCode::kNotFound);
}

}  // namespace statehouse::test
