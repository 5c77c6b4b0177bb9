#include "store/ledger/ledger_copy.h"

#include <filesystem>

#include "tests/store/ledger/fixture.h"

namespace statehouse {
namespace {

namespace fs = std::filesystem;

/// A folder with copies of the ledger's file and of those beside it.
std::vector<std::string> names_in(const Path& folder) { return list_directory(folder).value(); }

Path copied_ledger(const Path& from, const Path& folder) {
  fs::create_directory(folder);
  for (const char* suffix : {"", "-wal"}) {
    const Path file(from.string() + suffix);
    if (fs::exists(file)) fs::copy_file(file, folder / ("ledger.db" + std::string(suffix)));
  }
  return folder / "ledger.db";
}

}  // namespace

TEST_CASE_FIXTURE(LedgerFixture, "a copy is read without a file being made beside it") {
  append_many(300);
  const std::uint64_t size = ledger().read().tree_size();
  const std::string note = ledger().read().checkpoint().note;
  // While the ledger is open, the newest entries are in its write-ahead log.
  const Path live = copied_ledger(path(), directory() / "live");
  REQUIRE(fs::exists(live.string() + "-wal"));
  close();
  const Path closed = copied_ledger(path(), directory() / "closed");
  fs::remove(closed.string() + "-wal");
  for (const Path& copy : {live, closed}) {
    CAPTURE(copy);
    const auto names = names_in(copy.parent_path());
    const std::string before = read_file(copy, 1U << 30).value();
    {
      const auto opened = LedgerCopy::open(copy).value();
      CHECK(opened->read().tree_size() == size);
      CHECK(opened->read().checkpoint().note == note);
      CHECK(opened->read().entry(size - 1).has_value());
      CHECK(names_in(copy.parent_path()) == names);
    }
    CHECK(names_in(copy.parent_path()) == names);
    CHECK(read_file(copy, 1U << 30).value() == before);
  }
}

TEST_CASE_FIXTURE(LedgerFixture, "what is no ledger is refused as a copy") {
  CHECK(LedgerCopy::open(directory() / "nothing.db").error().code == ErrorCode::kNotFound);
  close();
  const Path other = directory() / "a ? b%20#.db";  // means something in a URI
  UnwatchedSteps unwatched;
  REQUIRE(write_file_durably(other, "not a database at all", 0600, unwatched, "test").has_value());
  CHECK(LedgerCopy::open(other).error().code == ErrorCode::kCorrupt);
  fs::copy_file(path(), other, fs::copy_options::overwrite_existing);
  CHECK(LedgerCopy::open(other).has_value());
}

}  // namespace statehouse
