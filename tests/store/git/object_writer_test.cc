#include "store/git/object_writer.h"

#include <filesystem>

#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

TreePath path(std::string_view text) { return must(TreePath::parse(text)); }

TreeFile file(std::string name, std::string bytes = "x", FileMode mode = FileMode::kFile) {
  return {std::move(name), mode, std::move(bytes)};
}

}  // namespace

TEST_CASE("files that make no tree are refused") {
  const GitLibrary library;
  const std::vector<std::vector<TreeFile>> bad = {
      {},
      {file("a"), file("a")},
      {file("a"), file("a/b")},
      {file("a/b"), file("a")},
      {file("../a")},
      {file("/a")},
      {file("")},
      {file("a", "x", FileMode::kTree)},
      {file("a", "x", FileMode::kGitlink)},
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    CHECK(code_of(build_tree(bad[i])) == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("a tree built from files is the one that git builds") {
  StoreFixture fixture;
  Workspace workspace;
  workspace.write("a.b", "1");
  workspace.write("a/b/c", "2");
  workspace.write("a0", "3");
  workspace.link("l", "a0");
  workspace.commit("x");
  const BuiltTree built = must(build_tree({file("a0", "3"), file("a/b/c", "2"), file("a.b", "1"),
                                           file("l", "a0", FileMode::kSymlink)}));
  CHECK(built.root == workspace.rev("HEAD^{tree}"));
  must(write_objects_durably(fixture.app(), built.objects, fixture.steps));
  run(fixture.app(), {"git", "-c", "safe.directory=*", "fsck", "--strict", built.root.hex()});
}

TEST_CASE("objects are written in named steps, and repeating after a failure succeeds") {
  const std::vector<GitObject> objects = {{ObjectType::kBlob, "one"}};
  for (const char* step : {"objects.fan-out", "objects.loose.write", "objects.loose.sync",
                           "objects.loose.rename", "objects.loose.sync-directory"}) {
    for (const bool is_before : {true, false}) {
      CAPTURE(step);
      CAPTURE(is_before);
      StoreFixture fixture;
      BreakingSteps breaking;
      is_before ? breaking.break_before(step) : breaking.break_after(step);
      CHECK(code_of(write_objects_durably(fixture.app(), objects, breaking)) ==
            ErrorCode::kUnavailable);
      const Oid id = must(write_objects_durably(fixture.app(), objects, fixture.steps)).front();
      CHECK(must(fixture.open()->read_blob(id)) == "one");
    }
  }
}

TEST_CASE("a folder is replaced, added or removed, and the rest stays") {
  StoreFixture fixture;
  Workspace workspace;
  workspace.write("keep", "k");
  workspace.write("apps/one/file", "old");
  workspace.write("apps/two/file", "two");
  const Oid before = workspace.commit("before");
  workspace.write("new/file", "new");
  const Oid with_source = workspace.commit("source");
  fixture.push(workspace, with_source);
  const PooledRepository repository = fixture.open();
  const Oid target = must(repository->read_commit(before)).tree;
  const Oid source = workspace.rev("HEAD:new");
  const auto expect = [&](std::string_view where, const std::optional<Oid>& with) {
    const BuiltTree built = must(replace_subtree(*repository, target, path(where), with));
    must(write_objects_durably(fixture.app(), built.objects, fixture.steps));
    return run(fixture.app(),
               {"git", "-c", "safe.directory=*", "ls-tree", "-r", "--name-only", built.root.hex()});
  };
  CHECK(expect("apps/one", source) == "apps/one/file\napps/two/file\nkeep\n");
  CHECK(expect("x/y/z", source) == "apps/one/file\napps/two/file\nkeep\nx/y/z/file\n");
  CHECK(expect("apps/one", std::nullopt) == "apps/two/file\nkeep\n");
  CHECK(expect("apps", std::nullopt) == "keep\n");
  CHECK(must(replace_subtree(*repository, target, path("none/such"), std::nullopt)).root == target);
  CHECK(code_of(replace_subtree(*repository, target, path("keep"), source)) ==
        ErrorCode::kInvalidArgument);
  CHECK(code_of(replace_subtree(*repository, target, path("keep/x"), source)) ==
        ErrorCode::kInvalidArgument);
  const Oid only = must(find_in_tree(*repository, target, path("apps")))->oid;
  const BuiltTree alone = must(replace_subtree(*repository, only, path("one"), std::nullopt));
  must(write_objects_durably(fixture.app(), alone.objects, fixture.steps));
  CHECK(code_of(replace_subtree(*repository, alone.root, path("two"), std::nullopt)) ==
        ErrorCode::kInvalidArgument);
}

}  // namespace statehouse::test
