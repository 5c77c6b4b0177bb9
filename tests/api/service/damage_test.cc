#include <algorithm>
#include <filesystem>
#include <fstream>

#include "crypto/base/subprocess.h"
#include "tests/api/service/service_fixture.h"

// What happens on the store's own disk: bytes go bad, or somebody changes them.

namespace statehouse::test {

namespace {

Path objects_folder(ServiceFixture& fixture) {
  return fixture.core().repositories.path(must(RepositoryName::parse("platform"))) / "objects";
}

Path object_file(ServiceFixture& fixture, const Oid& oid) {
  const std::string hex = oid.hex();
  return objects_folder(fixture) / hex.substr(0, 2) / hex.substr(2);
}

std::string git_with(const Path& repository, std::vector<std::string> arguments,
                     std::string input) {
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.environment = minimal_environment();
  options.environment.emplace_back("GIT_DIR", repository.string());
  options.stdin_bytes = std::move(input);
  const SubprocessResult result = must(run_subprocess(options));
  REQUIRE_MESSAGE(result.succeeded(), result.stderr_bytes);
  return result.stdout_bytes;
}

/// Each object of platform in a file of its own, so that one of them can be damaged.
void unpack_objects(ServiceFixture& fixture) {
  const Path folder = objects_folder(fixture);
  std::vector<Path> packs;
  for (const auto& file : std::filesystem::directory_iterator(folder / "pack")) {
    packs.push_back(fixture.directory.path() / file.path().filename());
    std::filesystem::rename(file.path(), packs.back());
  }
  for (const Path& pack : packs) {
    if (pack.extension() != ".pack") continue;
    git_with(folder.parent_path(), {"git", "unpack-objects", "-q"},
             must(read_file(pack, 1U << 30)));
  }
}

void damage(const Path& file) {
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  std::ofstream(file, std::ios::binary) << "not what was written";
}

bool has_object_alarm(ServiceFixture& fixture) {
  return std::ranges::any_of(fixture.core().alarms.list(),
                             [](const Alarm& alarm) { return alarm.what == "object"; });
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "damage of the store's own objects is no fault of who pushes") {
  push_commit();
  const Oid made = commit({.files = {{"apps/shop.yaml", "kind: Secret\n"}}});
  unpack_objects(*this);
  const Oid tip_now = tip("platform:refs/heads/audit");
  const std::string pack =
      git_with(workshop.path(), {"git", "pack-objects", "--revs", "--stdout", "-q"},
               made.hex() + "\n^" + tip_now.hex() + "\n");
  const std::vector<ProposedMove> moves{{key_of("platform:refs/heads/audit"), tip_now, made}};
  SUBCASE("a commit") { damage(object_file(*this, tip_now)); }
  SUBCASE("a tree") {
    damage(object_file(*this, state("platform:refs/heads/audit")->content->tree));
  }
  SUBCASE("a commit that is gone") { std::filesystem::remove(object_file(*this, tip_now)); }
  const std::uint64_t size = log_size();
  CHECK(code_of(push_moves("alice", "platform", moves, pack)) == ErrorCode::kCorrupt);
  CHECK(has_object_alarm(*this));
  for (std::uint64_t index = size; index < log_size(); ++index) {
    const Json event = must(parse_json(must(ledger().entry(index))));
    CHECK(event["type"] != "statehouse.ref.refused");
  }
  CHECK(tip("platform:refs/heads/audit") == tip_now);
}

}  // namespace statehouse::test
