#include "cli/log_audit.h"

#include <doctest/doctest.h>

#include "tests/cli/cli_fixture.h"

namespace statehouse {

using test::TestCli;
using test::TestStore;

namespace {

/// A log whose files a test can replace.
struct ServedLog {
  explicit ServedLog(std::size_t entries = 300) { store.append_noise(entries); }

  Result<LogAudit> audit(const LastSeen& last = {}) const {
    const LogFileReader read = [&](const std::string& path, std::uint64_t) -> Result<std::string> {
      const auto found = replaced.find(path);
      return found == replaced.end() ? store.log_file(path) : Result<std::string>(found->second);
    };
    return audit_log(read, store.trust(), last, nullptr);
  }

  TestStore store;
  std::map<std::string, std::string> replaced;
};

void check_refused(const Result<LogAudit>& result, std::string_view why) {
  REQUIRE_FALSE(result.has_value());
  CAPTURE(result.error().message);
  CHECK(result.error().code == ErrorCode::kUnverified);
  CHECK(result.error().message.find(why) != std::string::npos);
}

}  // namespace

TEST_CASE("one changed bit in any hash tile is found and named") {
  for (const char* path : {"tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"}) {
    ServedLog log;
    log.replaced[path] = log.store.log_file(path).value();
    log.replaced[path][40 % log.replaced[path].size()] ^= 1;
    check_refused(log.audit(), path);
  }
}

TEST_CASE("one changed byte in an entry is found") {
  ServedLog log;
  log.replaced["tile/entries/001.p/44"] = log.store.log_file("tile/entries/001.p/44").value();
  std::string& bundle = log.replaced["tile/entries/001.p/44"];
  bundle[bundle.rfind("\"nonce\":\"0") + 9] = '1';
  check_refused(log.audit(), "tile/0/001.p/44");
}

TEST_CASE("a checkpoint signed by another key, or of another origin, is refused") {
  ServedLog log(3);
  log.replaced["checkpoint"] = TestStore("example.com/store", 2).checkpoint();
  check_refused(log.audit(), "checkpoint");
  log.replaced["checkpoint"] = TestStore("example.org/other").checkpoint();
  check_refused(log.audit(), "checkpoint");
}

TEST_CASE("entries of another origin, out of order or back in time are refused") {
  ServedLog origin(2);
  TestStore other("example.org/other");
  other.append_noise(2);
  origin.store.entries[1] = other.entries[1];
  check_refused(origin.audit(), "entry 1: it is of another origin");
  ServedLog order(3);
  std::swap(order.store.entries[1], order.store.entries[2]);
  check_refused(order.audit(), "entry 1: it carries another index");
  ServedLog time(2);
  time.store.now = time.store.now - std::chrono::hours(1);
  time.store.append_noise(1);
  check_refused(time.audit(), "entry 2: its time is before");
}

TEST_CASE("a log that is not the one seen earlier is refused") {
  ServedLog log;
  LastSeen last = log.store.seen();
  last.checkpoint_size = 100;
  last.checkpoint_root = merkle_leaf_hash("another");
  check_refused(log.audit(last), "the first 100 entries");
  last.checkpoint_size = 301;
  check_refused(log.audit(last), "the log shrank");
  last.origin = "example.org/other";
  check_refused(log.audit(last), "wrong origin");
}

TEST_CASE("a statement of something else than its version is found") {
  const auto refuse = [](const std::function<void(VersionStatement&)>& change,
                         std::string_view why) {
    ServedLog log(0);
    log.store.issue_version();
    log.store.issue_version();
    CHECK(log.audit().value().statements == 2);
    change(log.store.statement);
    log.store.reissue();
    check_refused(log.audit(), why);
  };
  const std::string_view other = "entry 4: it is a statement of another commit, tree or entry";
  refuse([](VersionStatement& said) { said.commit.replace(0, 4, "0000"); }, other);
  refuse([](VersionStatement& said) { said.tree.replace(0, 4, "0000"); }, other);
  refuse([](VersionStatement& said) { said.tree_sha256.replace(0, 4, "0000"); }, other);
  refuse([](VersionStatement& said) { said.entry = 0; }, other);
  refuse([](VersionStatement& said) { said.version = 1; }, other);
  const std::string_view none = "entry 4: it is a statement of a version that no entry before it";
  refuse([](VersionStatement& said) { said.version = 3; }, none);
  refuse([](VersionStatement& said) { said.version = 0; }, none);
  refuse([](VersionStatement& said) { said.ref = "refs/heads/other"; }, none);
  refuse([](VersionStatement& said) { said.repository = "other"; }, none);
}

TEST_CASE("the versions of a ref follow one another") {
  for (const int next : {0, 1, 3}) {
    CAPTURE(next);
    ServedLog log(0);
    log.store.issue_version();
    log.store.statement.version = static_cast<VersionNumber>(next) - 1;
    log.store.issue_version();
    check_refused(log.audit(), "entry 2: it is version " + std::to_string(next));
  }
}

TEST_CASE("a trust document of an older epoch than was seen is refused") {
  ServedLog log(3);
  LastSeen last = log.store.seen();
  last.epoch = 2;
  check_refused(log.audit(last), "lower epoch: the trust document declares 1, last seen was 2");
  last.checkpoint_size = 0;
  check_refused(log.audit(last), "lower epoch");
}

TEST_CASE("honest logs of every shape verify and are counted") {
  for (const std::size_t entries : {0U, 1U, 2U, 255U, 256U, 257U, 300U, 512U}) {
    ServedLog log(entries);
    CAPTURE(entries);
    const auto audit = log.audit(log.store.seen());
    REQUIRE(audit.has_value());
    CHECK(audit->entries == entries);
    CHECK(audit->bundles == (entries + 255) / 256);
    CHECK(audit->continues_last_seen == (entries > 0));
  }
}

TEST_CASE("audit verify prints what was verified and remembers the checkpoint") {
  TestCli cli;
  TestStore store;
  store.append_noise(5);
  store.issue_version();
  cli.answers["GET /log/*"] = [&store](const ApiRequest& request) {
    return ApiResponse{200, "application/octet-stream",
                       store.log_file(request.target.substr(5)).value()};
  };
  const std::string trust = cli.file("trust.json", store.trust_bytes());
  CHECK(cli.run({"audit", "verify", "--trust", trust, "--state", "state", "-o", "json"}) == 0);
  CHECK(cli.json()["entries"] == 7);
  CHECK(cli.json()["types"]["statehouse.statement.issued"] == 1);
  store.append_noise(2);
  CHECK(cli.run({"log", "verify", "--trust", trust, "--state", "state", "-o", "json"}) == 0);
  CHECK(cli.json()["continuesLastSeen"] == true);
  store.entries[0] = store.entries[1];
  CHECK(cli.run({"audit", "verify", "--trust", trust, "--state", "state"}) == 4);
}

TEST_CASE("audit verify never remembers less than it did") {
  TestCli cli;
  TestStore store;
  store.append_noise(3);
  const std::string trust = cli.file("trust.json", store.trust_bytes());
  LastSeen newer = store.seen();
  newer.epoch = 2;
  newer.checkpoint_size = 9;
  std::string kept;
  SUBCASE("the state is of a newer epoch") { kept = cli.file("state", newer.serialise()); }
  SUBCASE("somebody saw more meanwhile") { cli.file("state", store.seen().serialise()); }
  cli.answers["GET /log/*"] = [&](const ApiRequest& request) {
    if (kept.empty()) cli.file("state", newer.serialise());
    return ApiResponse{200, "application/octet-stream",
                       store.log_file(request.target.substr(5)).value()};
  };
  CHECK(cli.run({"audit", "verify", "--trust", trust, "--state", "state"}) ==
        (kept.empty() ? 0 : 4));
  CHECK(LastSeen::load(cli.path("state")).value() == newer);
}

}  // namespace statehouse
