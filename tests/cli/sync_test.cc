#include <doctest/doctest.h>

#include "cli/sync_target.h"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/git_fixture.h"

namespace statehouse {

using test::archive_of;
using test::Files;
using test::TestCli;
using test::TestStore;

namespace {

namespace fs = std::filesystem;

std::string content(const Path& path) { return read_file(path, 1000).value_or("(none)"); }

/// A machine with a pinned trust document that syncs "live" from a store.
struct Machine {
  Machine() {
    cli.file("trust.json", store.trust_bytes());
    cli.answers["GET /v1/snapshot*"] = [this](const ApiRequest& request) {
      const auto since = request.target.find("since=");
      const std::uint64_t size =
          since == std::string::npos ? 0 : std::stoull(request.target.substr(since + 6));
      const bool historic = request.target.find("version=") != std::string::npos;
      return ApiResponse{200, "application/json",
                         dump_json(historic ? store.historic_snapshot() : store.snapshot(size))};
    };
    cli.answers["GET /v1/archive*"] = [this](const ApiRequest&) {
      return ApiResponse{200, "application/x-tar", archive};
    };
  }

  void release(const Files& files) {
    archive = archive_of(files);
    store.issue_version(archive);
  }

  /// Syncs the second of two versions; then the store offers the first again.
  void go_back_after_sync() {
    release({{"a.yaml", "1"}});
    const VersionStatement old = store.statement;
    const std::string old_archive = archive;
    release({{"a.yaml", "2"}});
    REQUIRE(sync() == 0);
    store.statement = old;
    store.reissue();
    archive = old_archive;
  }

  int sync(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"sync", "-R", "platform", "--ref", "deploy", "--trust", "trust.json",
                               "--into", "live", "--once"});
    return cli.run(more);
  }
  /// Round after round, until `cli.wait` ends it.
  int watch(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"sync", "-R", "platform", "--ref", "deploy", "--trust", "trust.json",
                               "--into", "live", "--interval", "10s"});
    return cli.run(more);
  }
  int get(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"snapshot", "get", "-R", "platform", "--ref", "deploy", "--trust",
                               "trust.json", "--into", "got"});
    return cli.run(more);
  }
  [[nodiscard]] std::string live(const std::string& name) const {
    return content(cli.path("live") / name);
  }

  GitLibrary library;
  TestStore store;
  std::string archive;
  TestCli cli;
};

}  // namespace

TEST_CASE("a stale head exits 7 and leaves the last verified tree in place") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  machine.release({{"a.yaml", "2"}});
  machine.cli.clock.time = machine.store.now + std::chrono::hours(25);
  CHECK(machine.sync() == 7);
  CHECK(machine.cli.err.find("stale head") != std::string::npos);
  CHECK(machine.live("a.yaml") == "1");
}

TEST_CASE("an archive of other bytes, longer or shorter, exits 4 and changes nothing") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  machine.release({{"a.yaml", "2"}});
  const std::string good = machine.archive;
  std::string flipped = good;
  flipped[512] ^= 1;
  for (const std::string& bad :
       {flipped, good + std::string(512, '\0'), good.substr(0, 512), std::string()}) {
    machine.archive = bad;
    CHECK(machine.sync() == 4);
    CHECK(machine.live("a.yaml") == "1");
  }
  machine.archive = good;
  CHECK(machine.sync() == 0);
  CHECK(machine.live("a.yaml") == "2");
}

TEST_CASE("a server that goes back to an older version exits 4 and changes nothing") {
  Machine machine;
  machine.go_back_after_sync();
  CHECK(machine.sync() == 4);
  CHECK(machine.cli.err.find("lower version") != std::string::npos);
  CHECK(machine.live("a.yaml") == "2");
}

TEST_CASE("a server that cannot be reached exits 7") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  machine.cli.answer("GET /v1/snapshot*", {{"code", "unavailable"}, {"detail", "busy"}}, 503);
  CHECK(machine.sync() == 7);
  CHECK_FALSE(fs::exists(machine.cli.path("live")));
}

TEST_CASE("what was not made by sync is not replaced") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  machine.cli.file("live/precious", "mine");
  CHECK(machine.sync() == 6);
  CHECK(machine.live("precious") == "mine");
  fs::remove_all(machine.cli.path("live"));
  fs::create_directory_symlink(machine.cli.directory.path(), machine.cli.path("live"));
  CHECK(machine.sync() == 6);
}

TEST_CASE("a damaged state is refused, not forgotten") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  machine.cli.file("live.versions/state.json", "{}");
  CHECK(machine.sync() == 2);
  CHECK(machine.cli.err.find("restore it from a backup") != std::string::npos);
  CHECK(machine.live("a.yaml") == "1");
  // Goes on over what the server does, not over this.
  machine.cli.wait = [](Milliseconds) { return false; };
  CHECK(machine.watch() == 2);
}

TEST_CASE("a state that is gone from a folder in use is refused, not begun anew") {
  Machine machine;
  machine.go_back_after_sync();
  const Path state = machine.cli.path("live.versions/state.json");
  for (const char* left : {"", R"({"format":"statehouse-last-seen-v1","origin":"","epoch":0,)"
                               R"("checkpoint":null,"refs":[]})"}) {
    fs::remove(state);
    if (*left != '\0') machine.cli.file("live.versions/state.json", left);
    CHECK(machine.sync() == 2);
    CHECK(machine.cli.err.find("does not say what was seen") != std::string::npos);
    CHECK(machine.live("a.yaml") == "2");
  }
}

TEST_CASE("a folder that follows another ref, repository or store is refused and stays") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  const std::string state = content(machine.cli.path("live.versions/state.json"));
  for (const auto& [from, to] : std::initializer_list<std::pair<std::string, std::string>>{
           {"refs/heads/deploy", "refs/heads/audit"},
           {R"("platform")", R"("team/app")"},
           {"example.com/store", "example.org/other"}}) {
    std::string other = state;
    other.replace(other.find(from), from.size(), to);
    machine.cli.file("live.versions/state.json", other);
    machine.cli.requests.clear();
    CHECK(machine.sync() == 6);
    CHECK(machine.cli.err.find("give --into another folder") != std::string::npos);
    CHECK(machine.watch() == 6);
    CHECK(machine.cli.requests.empty());
    CHECK(content(machine.cli.path("live.versions/state.json")) == other);
  }
  machine.cli.file("live.versions/state.json", state);
  CHECK(machine.sync() == 0);
}

TEST_CASE("a tree that lies there already is not believed: it is unpacked anew") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  machine.release({{"a.yaml", "2"}});
  const std::string name = sync_tree_name(2, machine.store.statement.tree);
  machine.cli.file("live.versions/" + name + "/a.yaml", "evil");
  machine.cli.file("live.versions/" + name + "/more.yaml", "evil");
  CHECK(machine.sync() == 0);
  CHECK(machine.live("a.yaml") == "2");
  CHECK(machine.live("more.yaml") == "(none)");

  machine.release({{"a.yaml", "3"}});
  machine.cli.file("elsewhere/a.yaml", "evil");
  fs::create_directory_symlink(
      machine.cli.path("elsewhere"),
      machine.cli.path("live.versions/" + sync_tree_name(3, machine.store.statement.tree)));
  CHECK(machine.sync() == 0);
  CHECK(machine.live("a.yaml") == "3");
  CHECK(content(machine.cli.path("elsewhere/a.yaml")) == "evil");
}

TEST_CASE("a second sync into the same folder waits for nobody") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  const auto held = SyncTarget::open(machine.cli.path("live"), machine.cli.steps);
  REQUIRE(held.has_value());
  CHECK(machine.sync() == 7);
}

TEST_CASE("each new version is swapped in as a whole, over an empty folder too") {
  Machine machine;
  fs::create_directory(machine.cli.path("live"));
  machine.release({{"a.yaml", "1"}, {"gone.yaml", "x"}});
  CHECK(machine.sync() == 0);
  CHECK(fs::is_symlink(machine.cli.path("live")));
  machine.release({{"a.yaml", "2"}, {"dir/b.yaml", "b"}});
  CHECK(machine.sync({"-o", "json"}) == 0);
  CHECK(machine.cli.json()["version"] == 2);
  CHECK(machine.live("a.yaml") == "2");
  CHECK(machine.live("dir/b.yaml") == "b");
  CHECK(machine.live("gone.yaml") == "(none)");
}

TEST_CASE("a round with nothing new downloads nothing, and --once says where the folder stands") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync({"-o", "json"}) == 0);
  Json first = machine.cli.json();
  CHECK(first["changed"] == true);
  machine.cli.requests.clear();
  CHECK(machine.sync({"-o", "json"}) == 0);
  CHECK(machine.cli.json()["changed"] == false);
  CHECK(machine.cli.requests.size() == 1);
  first["changed"] = false;
  CHECK(machine.cli.json() == first);
  CHECK(machine.sync() == 0);
  CHECK(machine.cli.out.find("refs/heads/deploy is at version 1 already (commit") !=
        std::string::npos);
  CHECK(machine.cli.err.empty());
}

TEST_CASE("without --once only swaps are printed") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  int rounds = 0;
  machine.cli.wait = [&](Milliseconds) {
    if (++rounds == 2) machine.release({{"a.yaml", "2"}});
    return rounds < 4;
  };
  CHECK(machine.watch({"-o", "jsonl"}) == 0);
  CHECK(machine.cli.json()["version"] == 2);  // one document
  CHECK(machine.cli.json()["changed"] == true);
}

TEST_CASE("the last three trees are kept") {
  Machine machine;
  for (const char* text : {"1", "2", "3", "4", "5"}) {
    machine.release({{"a.yaml", text}});
    REQUIRE(machine.sync() == 0);
  }
  std::size_t trees = 0;
  for (const auto& entry : fs::directory_iterator(machine.cli.path("live.versions"))) {
    if (entry.is_directory()) ++trees;
  }
  CHECK(trees == 3);
  CHECK(machine.live("a.yaml") == "5");
}

TEST_CASE("a tree that a killed sync left half-way is removed") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  machine.cli.file("live.versions/.incoming-abc/tree/half", "x");
  CHECK(machine.sync() == 0);
  CHECK_FALSE(fs::exists(machine.cli.path("live.versions/.incoming-abc")));
}

TEST_CASE("a swap that fails leaves the old tree, and the next round completes it") {
  struct FailOnce final : DurableSteps {
    Result<> before(std::string_view step) override {
      if (step != at) return {};
      at.clear();
      return unavailable("it failed");
    }
    Result<> after(std::string_view) override { return {}; }
    std::string at;
  };
  for (const char* step : {"sync.keep", "sync.swap", "last-seen.rename", "sync.sync-directory"}) {
    Machine machine;
    machine.release({{"a.yaml", "1"}});
    REQUIRE(machine.sync() == 0);
    machine.release({{"a.yaml", "2"}});
    FailOnce failing;
    failing.at = step;
    CAPTURE(step);
    machine.cli.watched = &failing;
    CHECK(machine.sync() == 7);
    if (std::string_view(step) != "sync.sync-directory") CHECK(machine.live("a.yaml") == "1");
    machine.cli.watched = nullptr;
    CHECK(machine.sync() == 0);
    CHECK(machine.live("a.yaml") == "2");
  }
}

TEST_CASE("--exec runs after a swap, knows what is in place, and gets no token") {
  Machine machine;
  machine.cli.variables["STATEHOUSE_TOKEN"] = "secret";
  machine.release({{"a.yaml", "1"}});
  CHECK(machine.sync({"--exec",
                      "sh -c 'echo $STATEHOUSE_REPOSITORY $STATEHOUSE_REF $STATEHOUSE_VERSION "
                      "[$STATEHOUSE_TOKEN] $(cat $STATEHOUSE_PATH/a.yaml) >> ran'"}) == 0);
  CHECK(content(machine.cli.path("ran")) == "platform refs/heads/deploy 1 [] 1\n");
}

TEST_CASE("--exec is run again until it succeeds, and then no more") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  const std::vector<std::string> exec{"--exec", "sh -c 'echo x >> ran; test -e ready'"};
  CHECK(machine.sync(exec) == 7);
  CHECK(machine.live("a.yaml") == "1");
  CHECK(machine.sync(exec) == 7);
  machine.cli.file("ready", "");
  CHECK(machine.sync(exec) == 0);
  CHECK(machine.sync(exec) == 0);
  CHECK(content(machine.cli.path("ran")) == "x\nx\nx\n");
}

TEST_CASE("without --once sync goes on over failures until it is told to stop") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  int rounds = 0;
  machine.cli.wait = [&](Milliseconds interval) {
    CHECK(interval >= std::chrono::seconds(9));
    CHECK(interval <= std::chrono::seconds(11));
    if (++rounds == 1) machine.archive = "bad";
    if (rounds == 2) machine.release({{"a.yaml", "2"}});
    return rounds < 4;
  };
  CHECK(machine.watch() == 0);
  CHECK(machine.live("a.yaml") == "2");
}

TEST_CASE("a stop during a download ends the round there, and sync exits 0") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.sync() == 0);
  CHECK_FALSE(machine.cli.stops_held);  // one round ends as any command does
  machine.release({{"a.yaml", "2"}});
  const auto archive = machine.cli.answers.at("GET /v1/archive*");
  machine.cli.answers["GET /v1/archive*"] = [&](const ApiRequest& request) {
    machine.cli.stopping = true;
    return archive(request);
  };
  machine.cli.wait = [](Milliseconds) -> bool {
    FAIL("it waits for another round");
    return false;
  };
  CHECK(machine.watch() == 0);
  CHECK(machine.cli.stops_held);
  CHECK(machine.cli.err.empty());
  CHECK(machine.live("a.yaml") == "1");
}

TEST_CASE("a stop before --exec leaves it for the next start") {
  struct StopAtSwap final : DurableSteps {
    explicit StopAtSwap(bool& flag) : stopping(flag) {}
    Result<> before(std::string_view) override { return {}; }
    Result<> after(std::string_view step) override {
      if (step == "sync.swap") stopping = true;
      return {};
    }
    bool& stopping;
  };
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  const std::vector<std::string> exec{"--exec", "sh -c 'echo x >> ran'"};
  StopAtSwap steps(machine.cli.stopping);
  machine.cli.watched = &steps;
  CHECK(machine.watch(exec) == 0);
  CHECK(machine.live("a.yaml") == "1");
  CHECK_FALSE(fs::exists(machine.cli.path("ran")));
  machine.cli.watched = nullptr;
  machine.cli.stopping = false;
  CHECK(machine.watch(exec) == 0);
  CHECK(content(machine.cli.path("ran")) == "x\n");
}

TEST_CASE("snapshot get leaves a tree and, beside it, what proves it") {
  Machine machine;
  machine.release({{"dir/a.yaml", "1"}});
  CHECK(machine.get({"--state", "seen", "-o", "json"}) == 0);
  CHECK(machine.cli.json()["status"] == "current");
  CHECK(content(machine.cli.path("got/dir/a.yaml")) == "1");
  for (const char* folder : {"got", "got/dir", "got.statehouse"}) {
    CAPTURE(folder);
    CHECK(fs::status(machine.cli.path(folder)).permissions() == static_cast<fs::perms>(0755));
  }
  CHECK(machine.cli.run_alone({"snapshot", "verify", "got.statehouse", "--trust", "trust.json"}) ==
        0);
  CHECK(machine.get() == 6);
}

TEST_CASE("snapshot verify refuses a changed archive, bundle or trust document") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.get() == 0);
  const auto verify = [&](const std::string& trust = "trust.json") {
    return machine.cli.run_alone(
        {"snapshot", "verify", "got.statehouse/bundle.json", "--trust", trust});
  };
  machine.cli.file("other.json", TestStore("example.com/store", 2).trust_bytes());
  CHECK(verify("other.json") == 4);
  const std::string archive =
      read_file(machine.cli.path("got.statehouse/archive.tar"), 1 << 20).value();
  std::string changed = archive;
  changed[600] ^= 1;
  machine.cli.file("got.statehouse/archive.tar", changed);
  CHECK(verify() == 4);
  CHECK(machine.cli.err.find("\ndo not use it; ") != std::string::npos);
  std::filesystem::remove(machine.cli.path("got.statehouse/archive.tar"));
  CHECK(verify() == 3);
  CHECK(machine.cli.err.find("with archive.tar beside it\n") != std::string::npos);
  machine.cli.file("got.statehouse/archive.tar", archive);
  CHECK(verify() == 0);
  machine.cli.clock.time = machine.store.now + std::chrono::hours(25);
  CHECK(verify() == 7);
  CHECK(machine.cli.run_alone({"snapshot", "verify", "got.statehouse", "--trust", "trust.json",
                               "--at", machine.store.now.rfc3339()}) == 0);
}

TEST_CASE("snapshot verify compares the repository and the ref that are given, each by itself") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.get() == 0);
  const auto verify = [&](const std::vector<std::string>& asked) {
    std::vector<std::string> words{"snapshot", "verify", "got.statehouse", "--trust", "trust.json"};
    words.insert(words.end(), asked.begin(), asked.end());
    return machine.cli.run_alone(words);
  };
  CHECK(verify({"-R", "team/app"}) == 4);
  CHECK(machine.cli.err.find("wrong repository") != std::string::npos);
  CHECK(verify({"--ref", "audit"}) == 4);
  CHECK(machine.cli.err.find("wrong ref") != std::string::npos);
  CHECK(verify({"-R", "team/app", "--ref", "deploy"}) == 4);
  CHECK(verify({"-R", "platform", "--ref", "audit"}) == 4);
  CHECK(verify({"-R", "no name"}) == 2);
  CHECK(verify({"--ref", ""}) == 2);
  CHECK(verify({"-R", "platform"}) == 0);
  CHECK(verify({"--ref", "deploy"}) == 0);
  CHECK(verify({"-R", "platform", "--ref", "refs/heads/deploy"}) == 0);
}

TEST_CASE("snapshot verify in a clone of another repository asks for nothing of it") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  REQUIRE(machine.get() == 0);
  machine.cli.file(".git/config", "[remote \"origin\"]\n\turl = https://store/git/team/app.git\n");
  machine.cli.file(".git/HEAD", "ref: refs/heads/deploy\n");
  fs::create_directories(machine.cli.path(".git/objects"));
  fs::create_directories(machine.cli.path(".git/refs"));
  CHECK(machine.cli.run_alone({"snapshot", "verify", "got.statehouse", "--trust", "trust.json",
                               "--ref", "deploy"}) == 0);
}

TEST_CASE("snapshot get of a version by number says that it is historic") {
  Machine machine;
  machine.release({{"a.yaml", "1"}});
  CHECK(machine.get({"--version", "1", "-o", "json"}) == 0);
  CHECK(machine.cli.json()["status"] == "historic");
  CHECK(machine.cli.run_alone(
            {"snapshot", "verify", "got.statehouse", "--trust", "trust.json", "-o", "json"}) == 0);
  CHECK(machine.cli.json()["status"] == "historic");
}

}  // namespace statehouse
