#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"
#include "store/git/archive.h"
#include "store/git/archive_entry.h"
#include "store/git/tree_diff.h"
#include "store/git/tree_digest.h"
#include "store/git/tree_walk.h"
#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

TreePath path(std::string_view text) { return must(TreePath::parse(text)); }

/// Everything that a tree can hold, in an order that trips naive sorting.
void write_everything(const Workspace& workspace) {
  workspace.write("a.b", "file before folder\n");
  workspace.write("a/x", "in a folder\n");
  workspace.write("a0", "after the folder\n");
  workspace.write("deep/er/and/deeper", "deep\n");
  workspace.write("empty", "");
  workspace.write("binary", std::string("\0\xff\r\n", 4));
  workspace.write("run.sh", "#!/bin/sh\n");
  run(workspace.path(), {"chmod", "+x", "run.sh"});
  workspace.link("a/up", "../run.sh");
  workspace.write("ünïcödé", "name\n");
}

/// Ten trees, each holding the next ten times, over one blob.
Oid bomb(StoreFixture& fixture) {
  Oid below = fixture.plant_blob("boom");
  FileMode mode = FileMode::kFile;
  for (int level = 0; level < 10; ++level) {
    std::vector<TreeEntry> entries;
    for (char name = 'a'; name < 'k'; ++name)
      entries.push_back({mode, std::string(1, name), below});
    below = fixture.plant({{ObjectType::kTree, serialize_tree(entries)}});
    mode = FileMode::kTree;
  }
  return below;
}

std::string lines(const std::vector<TreeChange>& changes) {
  std::string text;
  for (const TreeChange& change : changes) {
    const char letter = change.kind == ChangeKind::kAdded         ? 'A'
                        : change.kind == ChangeKind::kDeleted     ? 'D'
                        : change.kind == ChangeKind::kTypeChanged ? 'T'
                                                                  : 'M';
    text += std::string(1, letter) + '\0' + change.path + '\0';
  }
  return text;
}

}  // namespace

TEST_CASE("a git bomb exhausts the budget of every walk, and no memory") {
  StoreFixture fixture;
  const Oid tree = bomb(fixture);
  const PooledRepository repository = fixture.open();
  const auto visit = [](const TreeItem&) -> Result<WalkStep> { return WalkStep::kDescend; };
  const TreeBudget small{1000, 128};
  CHECK(code_of(walk_tree(*repository, tree, small, visit)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(diff_trees(*repository, {}, tree, small)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(read_tree_files(*repository, tree, 100, 100)) == ErrorCode::kInvalidArgument);
}

TEST_CASE("the digest of a git bomb costs ten reads") {
  StoreFixture fixture;
  TreeDigests digests(1);
  CHECK(must(digests.tree_sha256(*fixture.open(), bomb(fixture))).size() == 32);
}

TEST_CASE("folders nested deeper than the limit are refused by every walk") {
  StoreFixture fixture;
  Oid below = fixture.plant_blob("x");
  FileMode mode = FileMode::kFile;
  for (std::size_t i = 0; i < limits::kTreeDepthMax + 2; ++i) {
    below = fixture.plant_tree(mode, "d", below);
    mode = FileMode::kTree;
  }
  const PooledRepository repository = fixture.open();
  const auto visit = [](const TreeItem&) -> Result<WalkStep> { return WalkStep::kDescend; };
  TreeDigests digests;
  CHECK(code_of(walk_tree(*repository, below, {}, visit)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(diff_trees(*repository, {}, below)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(digests.tree_sha256(*repository, below)) == ErrorCode::kInvalidArgument);
}

TEST_CASE("a submodule has no content to hash or read") {
  StoreFixture fixture;
  const Oid tree = fixture.plant_tree(FileMode::kGitlink, "sub", fixture.plant_blob("x"));
  TreeDigests digests;
  CHECK(code_of(digests.tree_sha256(*fixture.open(), tree)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(read_tree_files(*fixture.open(), tree, 9, 9)) == ErrorCode::kInvalidArgument);
}

TEST_CASE("files longer or more than allowed are refused") {
  StoreFixture fixture;
  Workspace workspace;
  workspace.write("a", "12345");
  workspace.write("b", "1");
  fixture.push(workspace, workspace.commit("x"));
  const Oid tree = workspace.rev("HEAD^{tree}");
  CHECK(code_of(read_tree_files(*fixture.open(), tree, 2, 4)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(read_tree_files(*fixture.open(), tree, 1, 5)) == ErrorCode::kInvalidArgument);
  const std::vector<TreeFile> files = must(read_tree_files(*fixture.open(), tree, 2, 5));
  REQUIRE(files.size() == 2);
  CHECK(files[0].bytes == "12345");
}

TEST_CASE("one blob under many names costs no more memory than a tree of files may have") {
  StoreFixture fixture;
  const Oid blob = fixture.plant_blob(std::string(1U << 20, 'a'));
  std::string bytes;
  for (int i = 100; i < 170; ++i) {
    bytes += "100644 f" + std::to_string(i) + std::string(1, '\0') + std::string(blob.bytes());
  }
  const Oid tree = fixture.plant({{ObjectType::kTree, bytes}});
  CHECK(code_of(read_tree_files(*fixture.open(), tree, 1000, 1U << 20)) ==
        ErrorCode::kInvalidArgument);
}

TEST_CASE("the SHA-256 of a tree is its id in a SHA-256 repository") {
  StoreFixture fixture;
  Workspace sha1;
  const Workspace sha256_workspace("sha256");
  write_everything(sha1);
  write_everything(sha256_workspace);
  fixture.push(sha1, sha1.commit("x"));
  sha256_workspace.git({"add", "-A", "."});
  const std::string expected = sha256_workspace.git({"write-tree"});
  TreeDigests digests;
  for (int again = 0; again < 2; ++again) {
    const std::string digest = must(digests.tree_sha256(*fixture.open(), sha1.rev("HEAD^{tree}")));
    CHECK(hex_encode(digest) + "\n" == expected);
  }
}

TEST_CASE("the measure of a tree is an upper bound of its archive, and does not overflow") {
  StoreFixture fixture;
  Workspace workspace;
  write_everything(workspace);
  workspace.write(std::string(240, 'd') + "/" + std::string(200, 'f'), "deep");
  fixture.push(workspace, workspace.commit("x"));
  const Oid tree = workspace.rev("HEAD^{tree}");
  TreeDigests digests;
  const auto ignore = [](std::string_view) -> Result<> { return {}; };
  const ArchiveDigest archive = must(write_archive(*fixture.open(), tree, ignore));
  // The two blocks that end an archive are not of the tree.
  CHECK(must(digests.measure(*fixture.open(), tree)).archive_bytes_max >=
        archive.size - 2 * kArchiveBlockBytes);

  Oid below = fixture.plant_blob("boom");
  FileMode mode = FileMode::kFile;
  for (int level = 0; level < 70; ++level) {
    below = fixture.plant(
        {{ObjectType::kTree, serialize_tree({{mode, "a", below}, {mode, "b", below}})}});
    mode = FileMode::kTree;
  }
  CHECK(must(digests.measure(*fixture.open(), below)).archive_bytes_max == UINT64_MAX);
}

TEST_CASE("the SHA-256 of a commit covers its header and its bytes") {
  CHECK(object_sha256(ObjectType::kCommit, "abc") == sha256(std::string("commit 3\0abc", 12)));
}

TEST_CASE("a walk visits every path in byte order") {
  StoreFixture fixture;
  Workspace workspace;
  write_everything(workspace);
  fixture.push(workspace, workspace.commit("x"));
  std::vector<std::string> paths;
  must(walk_tree(*fixture.open(), workspace.rev("HEAD^{tree}"), {},
                 [&](const TreeItem& item) -> Result<WalkStep> {
                   if (item.mode != FileMode::kTree) paths.push_back(item.path);
                   return WalkStep::kDescend;
                 }));
  CHECK(std::is_sorted(paths.begin(), paths.end()));
  CHECK(paths.size() == 9);
  CHECK(paths[0] == "a.b");
}

TEST_CASE("a path is found in a tree, through folders but not through links") {
  StoreFixture fixture;
  Workspace workspace;
  workspace.write("dir/sub/file", "x");
  workspace.link("link", "dir");
  fixture.push(workspace, workspace.commit("x"));
  const Oid tree = workspace.rev("HEAD^{tree}");
  const PooledRepository repository = fixture.open();
  CHECK(must(find_in_tree(*repository, tree, path("dir/sub/file")))->oid ==
        workspace.rev("HEAD:dir/sub/file"));
  CHECK(must(find_in_tree(*repository, tree, path("dir")))->is_tree());
  for (const char* absent : {"link/sub/file", "dir/sub/file/x", "nothing", "dir/s"}) {
    CHECK_FALSE(must(find_in_tree(*repository, tree, path(absent))).has_value());
  }
}

TEST_CASE("differences are those of git diff-tree") {
  StoreFixture fixture;
  Workspace workspace;
  write_everything(workspace);
  const Oid before = workspace.commit("before");
  run(workspace.path(), {"rm", "-r", "a", "a.b", "empty", "deep"});
  workspace.write("a", "a folder became a file");
  workspace.write("deep/er/other", "x");
  workspace.write("binary", "changed");
  workspace.write("a.b/c", "a file became a folder");
  run(workspace.path(), {"chmod", "-x", "run.sh"});
  run(workspace.path(), {"rm", "a0"});
  workspace.link("a0", "run.sh");
  const Oid after = workspace.commit("after");
  fixture.push(workspace, after);
  const PooledRepository repository = fixture.open();
  const auto tree_of = [&](const Oid& commit) {
    return must(repository->read_commit(commit)).tree;
  };
  const std::string expected = workspace.git(
      {"diff-tree", "-r", "-z", "--no-renames", "--name-status", before.hex(), after.hex()});
  CHECK(lines(must(diff_trees(*repository, tree_of(before), tree_of(after)))) == expected);
  CHECK(must(diff_trees(*repository, tree_of(after), tree_of(after))).empty());
  const std::string all = workspace.git(
      {"diff-tree", "-r", "-z", "--root", "--no-commit-id", "--name-status", before.hex()});
  CHECK(lines(must(diff_trees(*repository, {}, tree_of(before)))) == all);
}

}  // namespace statehouse::test
