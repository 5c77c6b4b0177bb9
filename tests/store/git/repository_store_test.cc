#include "store/git/repository_store.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "store/git/closure_check.h"
#include "store/git/git_process.h"
#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

RepositoryName named(std::string_view name) { return must(RepositoryName::parse(name)); }

void put(const Path& file, std::string_view bytes) {
  must(make_directories(file.parent_path()));
  ::unlink(file.c_str());
  const FileDescriptor fd = must(open_file(file, O_WRONLY | O_CREAT | O_TRUNC));
  must(write_all(fd.get(), bytes));
}

/// Changes a loose object into another good one under its name.
void replace_object(const StoreFixture& fixture, const Oid& oid, std::string_view bytes) {
  const std::string content = "blob " + std::to_string(bytes.size()) + '\0' + std::string(bytes);
  uLongf size = ::compressBound(content.size());
  std::string packed(size, '\0');
  REQUIRE(::compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                     reinterpret_cast<const Bytef*>(content.data()), content.size()) == Z_OK);
  packed.resize(size);
  put(fixture.app() / "objects" / oid.hex().substr(0, 2) / oid.hex().substr(2), packed);
}

}  // namespace

TEST_CASE("files that make objects appear or vanish are refused") {
  for (const char* file : {"objects/info/alternates", "objects/info/http-alternates", "shallow",
                           "info/grafts", "commondir"}) {
    CAPTURE(file);
    const StoreFixture fixture;
    put(fixture.app() / file, "");
    CHECK(code_of(fixture.store->acquire(fixture.name)) == ErrorCode::kCorrupt);
    CHECK(code_of(Quarantine::ingest(*fixture.store, fixture.name, std::nullopt)) ==
          ErrorCode::kCorrupt);
  }
}

TEST_CASE("links in place of folders and files are refused") {
  for (const char* name : {"objects", "objects/pack", "refs", "HEAD", "config"}) {
    CAPTURE(name);
    const StoreFixture fixture;
    std::filesystem::rename(fixture.app() / name, fixture.data() / "elsewhere");
    std::filesystem::create_symlink(fixture.data() / "elsewhere", fixture.app() / name);
    CHECK(code_of(fixture.store->acquire(fixture.name)) == ErrorCode::kCorrupt);
  }
}

TEST_CASE("a name is taken once, and an unknown one is not found") {
  StoreFixture fixture;
  CHECK(code_of(fixture.store->create(fixture.name, ref("refs/heads/main"), fixture.steps)) ==
        ErrorCode::kConflict);
  CHECK(code_of(fixture.store->acquire(named("other"))) == ErrorCode::kNotFound);
}

TEST_CASE("something else among the repositories is corrupt") {
  const StoreFixture fixture;
  put(fixture.data() / "repositories" / "stray", "");
  CHECK(code_of(fixture.store->list()) == ErrorCode::kCorrupt);
}

TEST_CASE("a step that fails leaves no repository or a whole one") {
  for (const char* step : {"repository.head.write", "repository.config.rename", "repository.rename",
                           "repository.sync-directory"}) {
    for (const bool is_before : {true, false}) {
      CAPTURE(step);
      CAPTURE(is_before);
      StoreFixture fixture;
      BreakingSteps breaking;
      is_before ? breaking.break_before(step) : breaking.break_after(step);
      const RepositoryName name = named("team/new");
      CHECK_FALSE(fixture.store->create(name, ref("refs/heads/x"), breaking).has_value());
      if (fixture.store->exists(name)) {
        must(fixture.store->acquire(name));
      } else {
        must(fixture.store->create(name, ref("refs/heads/x"), fixture.steps));
      }
      CHECK(must(list_directory(fixture.data() / "tmp")).empty());
    }
  }
}

TEST_CASE("repositories are listed by name, and any git can use them") {
  StoreFixture fixture;
  must(fixture.store->create(named("team/one"), ref("refs/heads/audit"), fixture.steps));
  must(fixture.store->create(named("team/a/b"), ref("refs/heads/audit"), fixture.steps));
  CHECK(must(fixture.store->list()) ==
        std::vector<RepositoryName>{named("app"), named("team/a/b"), named("team/one")});
  const Path path = fixture.store->path(named("team/one"));
  CHECK(run(path, {"git", "-c", "safe.directory=*", "symbolic-ref", "HEAD"}) ==
        "refs/heads/audit\n");
  CHECK(run(path, {"git", "-c", "safe.directory=*", "fsck", "--strict"}).empty());
}

TEST_CASE("what a killed process left behind is removed, and nothing else") {
  StoreFixture fixture;
  const Oid blob = fixture.plant_blob("keep");
  const Path objects = fixture.app() / "objects";
  put(objects / "incoming-abc" / "pack" / "x.pack", "x");
  put(objects / "pack" / "tmp_pack_abc", "x");
  put(objects / blob.hex().substr(0, 2) / "x.tmp-1-2", "x");
  put(fixture.app() / "refs/heads/main.lock", "x");
  must(fixture.store->remove_leftovers(fixture.name));
  CHECK_FALSE(std::filesystem::exists(objects / "incoming-abc"));
  CHECK(must(list_directory(objects / "pack")).empty());
  CHECK_FALSE(std::filesystem::exists(fixture.app() / "refs/heads/main.lock"));
  CHECK(must(fixture.open()->read_blob(blob)) == "keep");
}

TEST_CASE("an object that does not hash to its id is corrupt, wherever it is read") {
  StoreFixture fixture;
  const Oid blob = fixture.plant_blob("true");
  replace_object(fixture, blob, "lies");
  const PooledRepository repository = fixture.open();
  CHECK(code_of(repository->read_object(blob)) == ErrorCode::kCorrupt);
  CHECK(code_of(repository->read_blob(blob)) == ErrorCode::kCorrupt);
  put(fixture.app() / "objects" / blob.hex().substr(0, 2) / blob.hex().substr(2), "no zlib");
  CHECK(code_of(fixture.open()->read_object(blob)) == ErrorCode::kCorrupt);
}

TEST_CASE("objects are read within limits and as what they are") {
  StoreFixture fixture;
  const Oid blob = fixture.plant_blob("12345");
  const PooledRepository repository = fixture.open();
  CHECK(code_of(repository->read_object(blob, 4)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(repository->read_commit(blob)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(repository->read_tree(blob)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(repository->peel(blob)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(repository->read_object(Oid())) == ErrorCode::kNotFound);
  CHECK(code_of(repository->read_object(oid(std::string(40, 'b')))) == ErrorCode::kNotFound);
  CHECK(must(repository->object_header(blob)).size == 5);
}

TEST_CASE("annotated tags lead to their commit") {
  StoreFixture fixture;
  Workspace workspace;
  const Oid commit = workspace.commit("x");
  workspace.git({"tag", "-a", "-m", "one", "v1"});
  workspace.git({"tag", "-a", "-m", "two", "v2", "v1"});
  const Oid tag = workspace.rev("refs/tags/v2");
  fixture.push(workspace, tag);
  const PeeledTip tip = must(fixture.open()->peel(tag));
  CHECK(tip.commit == commit);
  CHECK(tip.tags == std::vector{tag, workspace.rev("refs/tags/v1")});
}

TEST_CASE("handles are lent to many threads at once") {
  StoreFixture fixture;
  const Oid blob = fixture.plant_blob("shared");
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const auto repository = fixture.store->acquire(fixture.name);
        if (repository && (*repository)->read_blob(blob) == "shared") ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 400);
}

TEST_CASE("a damaged object is reported with the tips that rest on it") {
  StoreFixture fixture;
  Workspace workspace;
  workspace.write("a", "one");
  const Oid first = workspace.commit("one");
  workspace.write("a", "two");
  const Oid second = workspace.commit("two");
  run(fixture.app(), {"git", "-c", "safe.directory=*", "unpack-objects", "-q"},
      workspace.pack(second));
  const std::vector tips{first, second};
  const auto fresh = [&] { return must(fixture.store->open_fresh(fixture.name)); };
  const ClosureReport whole = must(check_closure(*fresh(), tips));
  CHECK(whole.objects == 6);
  CHECK(whole.problems.empty());
  const Oid blob = workspace.rev("HEAD:a");
  replace_object(fixture, blob, "bad");
  const ClosureReport report = must(check_closure(*fresh(), tips));
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].oid == blob);
  CHECK(report.problems[0].code == ErrorCode::kCorrupt);
  CHECK(report.problems[0].tips == std::vector{second});
}

TEST_CASE("missing objects and objects of the wrong type are reported") {
  StoreFixture fixture;
  const Oid blob = fixture.plant_blob("x");
  const Oid wrong = fixture.plant_tree(FileMode::kTree, "d", blob);
  const Oid hole = fixture.plant_tree(FileMode::kFile, "f", oid(std::string(40, 'a')));
  const auto repository = must(fixture.store->open_fresh(fixture.name));
  const ClosureReport report = must(check_closure(*repository, std::vector{wrong, hole}));
  REQUIRE(report.problems.size() == 2);
  CHECK(report.problems[0].code != report.problems[1].code);
  const ClosureReport absent = must(check_closure(*repository, std::vector{Oid()}));
  CHECK(absent.problems.size() == 1);
}

TEST_CASE("a check can be stopped") {
  StoreFixture fixture;
  std::vector<TreeEntry> entries;
  for (int i = 0; i < 1200; ++i) {
    entries.push_back({FileMode::kFile, std::to_string(i), oid(std::string(40, 'a'))});
    const std::string bytes = std::to_string(i);
    entries.back().oid = must(object_id(ObjectType::kBlob, bytes));
  }
  const Oid tree = fixture.plant({{ObjectType::kTree, serialize_tree(entries)}});
  const auto repository = must(fixture.store->open_fresh(fixture.name));
  CHECK(code_of(check_closure(*repository, std::vector{tree}, [](std::uint64_t) -> Result<> {
          return unavailable("shutting down");
        })) == ErrorCode::kUnavailable);
}

TEST_CASE("a git child sees nothing of our environment or of the user's settings") {
  REQUIRE(::setenv("GIT_DIR", "/nowhere", 1) == 0);
  REQUIRE(::setenv("GIT_TEST_SECRET", "secret", 1) == 0);
  const StoreFixture fixture;
  GitCommand command;
  command.repository = fixture.app();
  command.arguments = {"config", "--list", "--show-scope"};
  const SubprocessResult listed = must(run_git(command));
  ::unsetenv("GIT_DIR");
  ::unsetenv("GIT_TEST_SECRET");
  REQUIRE(listed.succeeded());
  CHECK(listed.stdout_bytes.find("global") == std::string::npos);
  CHECK(listed.stdout_bytes.find("system") == std::string::npos);
  CHECK(listed.stdout_bytes.find("safe.directory=*") != std::string::npos);
  for (const auto& [variable, value] : git_subprocess(command).environment) {
    CHECK(variable != "GIT_TEST_SECRET");
  }
}

TEST_CASE("a failing git is described by its last line, or by the limit that ended it") {
  const StoreFixture fixture;
  GitCommand command;
  command.repository = fixture.app();
  command.arguments = {"cat-file", "-e", std::string(40, 'a')};
  const SubprocessResult failed = must(run_git(command));
  CHECK_FALSE(failed.succeeded());
  CHECK(describe_git_failure("x", failed).starts_with("x: "));
  SubprocessResult slow;
  slow.timed_out = true;
  CHECK(describe_git_failure("x", slow) == "x: git took too long");
  SubprocessResult loud;
  loud.exit_code = 1;
  loud.stderr_bytes = "first\nfatal: \x1b[31mred\n";
  CHECK(describe_git_failure("x", loud) == "x: fatal: \\x1b[31mred");
}

}  // namespace statehouse::test
