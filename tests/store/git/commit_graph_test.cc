#include "store/git/commit_graph.h"

#include <algorithm>
#include <random>
#include <set>

#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

/// A history with merges, criss-crosses and lying dates, and the repository that holds it.
struct RandomHistory {
  explicit RandomHistory(unsigned seed) : random(seed) {
    std::vector<GitObject> objects = {{ObjectType::kTree, ""}};
    const std::string tree = must(object_id(ObjectType::kTree, "")).hex();
    for (int i = 0; i < 120; ++i) {
      std::string text = "tree " + tree + "\n";
      std::set<std::size_t> parents;
      const std::size_t count = i == 0 || random() % 40 == 0 ? 0 : 1 + random() % 3;
      while (parents.size() < std::min<std::size_t>(count, commits.size())) {
        const std::size_t near = std::min<std::size_t>(commits.size(), 12);
        parents.insert(commits.size() - 1 - random() % near);
      }
      for (const std::size_t parent : parents) text += "parent " + commits[parent].hex() + "\n";
      const std::string date = std::to_string(1'000'000 + random() % 1'000'000);
      text += "author A <a@b> " + date + " +0000\ncommitter A <a@b> " + date + " +0000\n\n" +
              std::to_string(i) + "\n";
      commits.push_back(must(object_id(ObjectType::kCommit, text)));
      objects.push_back({ObjectType::kCommit, text});
    }
    fixture.plant(objects);
  }

  Oid pick() { return commits[random() % commits.size()]; }

  /// What git itself says, as a set of lines.
  std::multiset<std::string> git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"git", "-c", "safe.directory=*"});
    return lines_of(run(fixture.app(), std::move(arguments)));
  }

  std::multiset<std::string> git_or_nothing(const std::string& script) const {
    return lines_of(run(fixture.app(), {"sh", "-c", script}));
  }

  static std::multiset<std::string> lines_of(const std::string& output) {
    std::multiset<std::string> lines;
    for (std::size_t at = 0; at < output.size(); at = output.find('\n', at) + 1) {
      lines.insert(output.substr(at, output.find('\n', at) - at));
    }
    return lines;
  }

  /// Exit code 1 of git merge-base means that there is none.
  std::multiset<std::string> merge_bases(const Oid& one, const Oid& other) const {
    return git_or_nothing("git -c safe.directory=* merge-base --all " + one.hex() + " " +
                          other.hex() + " || true");
  }

  std::mt19937 random;
  StoreFixture fixture;
  std::vector<Oid> commits;
};

/// One commit after the other.
struct LongHistory {
  explicit LongHistory(int commits) {
    std::string stream;
    for (int i = 0; i < commits; ++i) {
      stream += "commit refs/heads/long\ncommitter A <a@b> " + std::to_string(i + 1) +
                " +0000\ndata 1\nx\n";
    }
    const Workspace workspace;
    workspace.git({"fast-import", "--quiet"}, stream);
    tip = workspace.rev("refs/heads/long");
    fixture.push(workspace, tip);
  }

  StoreFixture fixture;
  Oid tip;
};

}  // namespace

TEST_CASE("more new commits than allowed are refused") {
  RandomHistory history(1);
  const PooledRepository repository = history.fixture.open();
  const std::vector tips{history.commits.back()};
  const std::size_t all = must(commits_reachable(*repository, tips, {}, 1000)).size();
  CHECK(code_of(commits_reachable(*repository, tips, {}, all - 1)) == ErrorCode::kInvalidArgument);
}

TEST_CASE("what is not a commit cannot be walked") {
  StoreFixture fixture;
  const PooledRepository repository = fixture.open();
  const std::vector blob{fixture.plant_blob("x")};
  CHECK(code_of(commits_reachable(*repository, blob, {}, 10)) == ErrorCode::kInvalidArgument);
  const std::vector absent{oid(std::string(40, 'a'))};
  CHECK(code_of(commits_reachable(*repository, absent, {}, 10)) == ErrorCode::kNotFound);
}

TEST_CASE("new commits are those that git lists, less what is excluded, ancestors first") {
  RandomHistory history(2);
  const PooledRepository repository = history.fixture.open();
  for (int round = 0; round < 25; ++round) {
    const std::vector tips{history.pick(), history.pick()};
    const std::vector excluded{history.pick(), history.pick()};
    const std::vector<Oid> found = must(commits_reachable(*repository, tips, excluded, 1000));
    std::multiset<std::string> hex;
    for (std::size_t i = 0; i < found.size(); ++i) {
      hex.insert(found[i].hex());
      for (const Oid& parent : must(repository->read_commit(found[i])).parents) {
        CHECK(std::find(found.begin() + static_cast<long>(i), found.end(), parent) == found.end());
      }
    }
    // Not `rev-list tips ^excluded`: with dates that lie, git's own answer holds too much.
    std::multiset<std::string> expected = history.git({"rev-list", tips[0].hex(), tips[1].hex()});
    for (const std::string& known :
         history.git({"rev-list", excluded[0].hex(), excluded[1].hex()})) {
      expected.erase(known);
    }
    CHECK(hex == expected);
  }
}

TEST_CASE("ancestry and merge bases are those of git") {
  RandomHistory history(3);
  const PooledRepository repository = history.fixture.open();
  for (int round = 0; round < 40; ++round) {
    const Oid one = history.pick();
    const Oid other = history.pick();
    const std::multiset<std::string> behind = history.git({"rev-list", other.hex()});
    CHECK(must(is_ancestor(*repository, one, other)) == behind.contains(one.hex()));
    const std::optional<Oid> base = must(merge_base(*repository, one, other));
    const std::multiset<std::string> bases = history.merge_bases(one, other);
    CHECK(base.has_value() == !bases.empty());
    if (base) CHECK(bases.contains(base->hex()));
  }
}

TEST_CASE("a commit is its own ancestor, and unrelated histories have no merge base") {
  StoreFixture fixture;
  Workspace one;
  Workspace other;
  const Oid a = one.commit("a");
  const Oid b = other.commit("b");
  fixture.push(one, a);
  fixture.push(other, b);
  const PooledRepository repository = fixture.open();
  CHECK(must(is_ancestor(*repository, a, a)));
  CHECK_FALSE(must(is_ancestor(*repository, a, b)));
  CHECK_FALSE(must(merge_base(*repository, a, b)).has_value());
  CHECK(must(merge_base(*repository, a, a)) == a);
}

TEST_CASE("a long history costs no stack") {
  const LongHistory history(20'000);
  CHECK(must(commits_reachable(*history.fixture.open(), std::vector{history.tip}, {}, 100'000))
            .size() == 20'000);
}

TEST_CASE("of many ids those are reachable that git lists") {
  RandomHistory history(4);
  const PooledRepository repository = history.fixture.open();
  for (int round = 0; round < 25; ++round) {
    const std::vector tips{history.pick(), history.pick()};
    std::vector<Oid> sought{history.pick(), history.pick(), history.pick()};
    const std::multiset<std::string> below =
        history.git({"rev-list", tips[0].hex(), tips[1].hex()});
    std::unordered_set<Oid> expected;
    for (const Oid& oid : sought) {
      if (below.contains(oid.hex())) expected.insert(oid);
    }
    sought.push_back(oid(std::string(40, 'a')));
    sought.push_back(history.fixture.plant_blob("no commit"));
    CHECK(must(reachable_among(*repository, tips, sought)) == expected);
  }
}

TEST_CASE("looking for many ids costs one walk, which patience ends") {
  const LongHistory history(5'000);
  const PooledRepository repository = history.fixture.open();
  const std::vector tips{history.tip};
  const std::vector<Oid> all = must(commits_reachable(*repository, tips, {}, 100'000));
  int asked = 0;
  const auto count = [&]() -> Result<> {
    ++asked;
    return {};
  };
  CHECK(must(reachable_among(*repository, tips, all, count)).size() == 5'000);
  CHECK(asked <= 10);  // once in 1,024 of 5,000 ids and 5,000 steps
  const auto leave = []() -> Result<> { return unavailable("gone"); };
  CHECK(code_of(reachable_among(*repository, tips, all, leave)) == ErrorCode::kUnavailable);
}

}  // namespace statehouse::test
