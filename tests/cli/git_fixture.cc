#include "tests/cli/git_fixture.h"

#include "crypto/base/subprocess.h"
#include "store/git/archive.h"
#include "store/git/git_client.h"
#include "store/git/object_writer.h"

namespace statehouse::test {

std::string archive_of(const Files& files) {
  const TemporaryDirectory scratch = TemporaryDirectory::create("/tmp", "cli-").value();
  const Path bare = scratch.path() / "a.git";
  STATEHOUSE_ASSERT(create_scratch_repository(bare).has_value());
  std::vector<TreeFile> tree_files;
  for (const auto& [path, bytes] : files) tree_files.push_back({path, FileMode::kFile, bytes});
  const BuiltTree tree = build_tree(tree_files).value();
  UnwatchedSteps steps;
  STATEHOUSE_ASSERT(write_objects_durably(bare, tree.objects, steps).has_value());
  const auto repository =
      GitRepository::open(bare / "objects", {}, std::make_shared<CommitGraph>()).value();
  std::string archive;
  const auto written =
      write_archive(*repository, tree.root, [&](std::string_view bytes) -> Result<> {
        archive += bytes;
        return {};
      });
  STATEHOUSE_ASSERT(written.has_value());
  return archive;
}

TestRepository::TestRepository(Path path) : path_(std::move(path)) {
  STATEHOUSE_ASSERT(make_directories(path_.parent_path()).has_value());
  STATEHOUSE_ASSERT(create_scratch_repository(path_).has_value());
  git({"config", "uploadpack.allowAnySHA1InWant", "true"});
}

std::string TestRepository::git(const std::vector<std::string>& arguments,
                                const std::string& input) const {
  SubprocessOptions options;
  options.arguments = {"git"};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = minimal_environment();
  for (const auto& [name, value] : EnvironmentList{{"GIT_DIR", path_.string()},
                                                   {"GIT_CONFIG_NOSYSTEM", "1"},
                                                   {"GIT_CONFIG_GLOBAL", "/dev/null"},
                                                   {"GIT_AUTHOR_NAME", "Alice"},
                                                   {"GIT_AUTHOR_EMAIL", "alice@example.org"},
                                                   {"GIT_COMMITTER_NAME", "Alice"},
                                                   {"GIT_COMMITTER_EMAIL", "alice@example.org"},
                                                   {"GIT_AUTHOR_DATE", "1767225600 +0000"},
                                                   {"GIT_COMMITTER_DATE", "1767225600 +0000"}}) {
    options.environment.emplace_back(name, value);
  }
  options.stdin_bytes = input;
  SubprocessResult result = run_subprocess(options).value();
  STATEHOUSE_ASSERT(result.succeeded());
  if (result.stdout_bytes.ends_with('\n')) result.stdout_bytes.pop_back();
  return result.stdout_bytes;
}

std::string TestRepository::commit(const std::string& ref, const Files& files,
                                   const std::string& message) {
  std::vector<TreeFile> tree_files;
  for (const auto& [path, bytes] : files) tree_files.push_back({path, FileMode::kFile, bytes});
  const BuiltTree tree = build_tree(tree_files).value();
  UnwatchedSteps steps;
  STATEHOUSE_ASSERT(write_objects_durably(path_, tree.objects, steps).has_value());
  const std::string listed = git({"for-each-ref", "--format=%(objectname)", ref});
  std::vector<std::string> arguments{"commit-tree", tree.root.hex(), "-m", message};
  if (!listed.empty()) arguments.insert(arguments.end(), {"-p", listed});
  const std::string oid = git(arguments);
  git({"update-ref", ref, oid});
  return oid;
}

}  // namespace statehouse::test
