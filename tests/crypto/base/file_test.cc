#include "crypto/base/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace statehouse {

namespace {

struct Folder {
  TemporaryDirectory directory = TemporaryDirectory::create("/tmp", "statehouse-file-").value();
  UnwatchedSteps steps;
  Path at(std::string_view name) const { return directory.path() / name; }
};

/// Fails one named step, before or after its effect.
class FailingStep final : public DurableSteps {
 public:
  enum class When { kBefore, kAfter };
  FailingStep(std::string step, When when) : step_(std::move(step)), when_(when) {}
  Result<> before(std::string_view step) override { return answer(step, When::kBefore); }
  Result<> after(std::string_view step) override { return answer(step, When::kAfter); }

 private:
  Result<> answer(std::string_view step, When when) const {
    if (step == step_ && when == when_) return unavailable("injected");
    return {};
  }
  std::string step_;
  When when_;
};

}  // namespace

TEST_CASE_FIXTURE(Folder,
                  "a durable write leaves the old content when any step before the rename fails") {
  REQUIRE(write_file_durably(at("f"), "old", 0600, steps, "f"));
  for (const char* step : {"f.write", "f.sync", "f.rename"}) {
    FailingStep failing(step, FailingStep::When::kBefore);
    CHECK_FALSE(write_file_durably(at("f"), "new", 0600, failing, "f"));
    CHECK(read_file(at("f"), 100).value() == "old");
    CHECK(list_directory(directory.path())->size() == 1);
  }
}

TEST_CASE_FIXTURE(Folder,
                  "a durable write whose answer was lost reports it and has the new content") {
  FailingStep failing("f.rename", FailingStep::When::kAfter);
  CHECK_FALSE(write_file_durably(at("f"), "new", 0600, failing, "f"));
  CHECK(read_file(at("f"), 100).value() == "new");
}

TEST_CASE_FIXTURE(Folder,
                  "reading refuses what is too long, a directory, a link and what is absent") {
  REQUIRE(write_file_durably(at("f"), "12345", 0600, steps, "f"));
  CHECK(read_file(at("f"), 4).error().code == ErrorCode::kInvalidArgument);
  CHECK(read_file(directory.path(), 100).error().code == ErrorCode::kInvalidArgument);
  std::filesystem::create_symlink(at("f"), at("link"));
  CHECK_FALSE(read_file(at("link"), 100));
  CHECK(read_file(at("absent"), 100).error().code == ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(Folder, "control characters in a path do not reach the message") {
  const std::string name = "\x1b[2J";
  std::filesystem::create_directory(at(name));
  for (const Error& error :
       {read_file(at("no" + name), 100).error(), read_file(at(name), 100).error()}) {
    CHECK(error.message.find('\x1b') == std::string::npos);
    CHECK(error.message.find("\\x1b[2J") != std::string::npos);
  }
  REQUIRE(write_file_durably(at(name + "f"), "12345", 0600, steps, "f"));
  CHECK(read_file(at(name + "f"), 4).error().message.find('\x1b') == std::string::npos);
  const FileLock held = FileLock::acquire(at(name + "f")).value();
  CHECK(FileLock::acquire(at(name + "f")).error().message.find('\x1b') == std::string::npos);
}

TEST_CASE("a name that is too long is bad input") {
  CHECK(errno_error("opening", ENAMETOOLONG).code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a read-only file system is unavailable, not a bug") {
  CHECK(errno_error("writing", EROFS).code == ErrorCode::kUnavailable);
}

TEST_CASE_FIXTURE(Folder, "a lock is exclusive until it is given back") {
  {
    const FileLock lock = FileLock::acquire(at("lock")).value();
    CHECK(FileLock::acquire(at("lock")).error().code == ErrorCode::kUnavailable);
    CHECK(FileLock::share(at("lock")).error().code == ErrorCode::kUnavailable);
  }
  CHECK(FileLock::acquire(at("lock")));
  const FileLock shared = FileLock::share(at("lock")).value();
  CHECK(FileLock::share(at("lock")));
  CHECK(FileLock::acquire(at("lock")).error().code == ErrorCode::kUnavailable);
  CHECK(FileLock::share(at("no such lock")).error().code == ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(Folder, "a temporary directory goes with its content") {
  Path inside;
  {
    const TemporaryDirectory temporary = TemporaryDirectory::create(directory.path(), "t-").value();
    inside = temporary.path();
    REQUIRE(write_file_durably(inside / "f", "x", 0600, steps, "f"));
  }
  CHECK_FALSE(std::filesystem::exists(inside));
}

}  // namespace statehouse
