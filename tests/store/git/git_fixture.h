#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/durable_step.h"
#include "crypto/base/file.h"
#include "store/git/git_library.h"
#include "store/git/object_writer.h"
#include "store/git/quarantine.h"
#include "store/git/ref_files.h"
#include "store/git/repository_store.h"

namespace statehouse::test {

/// The value of a Result that must be one; the failure's message otherwise.
template <typename T>
T must(Result<T> result) {
  if (!result) FAIL("unexpected failure: ", result.error().message);
  return *std::move(result);
}
inline void must(const Result<>& result) {
  if (!result) FAIL("unexpected failure: ", result.error().message);
}

/// The code of a Result that must have failed.
template <typename T>
ErrorCode code_of(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

Oid oid(std::string_view hex);
RefName ref(std::string_view name);

/// Runs a program with a clean environment; it must succeed. Returns its standard output.
std::string run(const Path& folder, std::vector<std::string> arguments, std::string input = {});

/// A folder for the length of a test.
TemporaryDirectory scratch();

/// Steps that record their names, and fail at one of them before or after its effect.
class BreakingSteps final : public DurableSteps {
 public:
  Result<> before(std::string_view step) override;
  Result<> after(std::string_view step) override;

  void break_before(std::string step) { before_ = std::move(step); }
  void break_after(std::string step) { after_ = std::move(step); }
  [[nodiscard]] const std::vector<std::string>& seen() const { return seen_; }

 private:
  std::string before_;
  std::string after_;
  std::vector<std::string> seen_;
};

/// A developer's clone, worked on by the real git.
class Workspace {
 public:
  explicit Workspace(std::string_view object_format = "sha1");

  [[nodiscard]] const Path& path() const { return directory_.path(); }
  std::string git(std::vector<std::string> arguments, std::string input = {}) const;

  void write(const std::string& path, std::string_view bytes) const;
  void link(const std::string& path, const std::string& target) const;
  /// Commits everything there is. Dates are fixed and ascend.
  Oid commit(std::string_view message);
  [[nodiscard]] Oid rev(const std::string& expression) const;
  /// An object made from raw bytes, with no check by git.
  [[nodiscard]] Oid raw_object(const std::string& type, std::string_view bytes) const;
  Oid raw_commit(const Oid& tree) const;
  /// The pack that a push of `tip` sends to somebody who has `have`.
  [[nodiscard]] std::string pack(const Oid& tip, const std::optional<Oid>& have = {}) const;

 private:
  TemporaryDirectory directory_;
  int clock_ = 1'700'000'000;
};

/// A pack made by hand, one object at a time.
class PackBuilder {
 public:
  /// Appends a whole object (type 1 to 4) that declares `declared` bytes.
  PackBuilder& object(unsigned type, std::string_view bytes,
                      std::optional<std::uint64_t> declared = {});
  /// Appends a delta on the object `back` objects before this one.
  PackBuilder& offset_delta(std::size_t back, std::string_view delta);
  PackBuilder& ref_delta(const Oid& base, std::string_view delta);
  /// The pack, saying that it holds `count` objects (default: as many as it does).
  [[nodiscard]] std::string build(std::optional<std::uint32_t> count = {}) const;

 private:
  void header(unsigned type, std::uint64_t size);

  std::string body_;
  std::vector<std::size_t> offsets_;
};

/// A delta: its two sizes and instructions.
std::string delta(std::uint64_t source, std::uint64_t target, std::string_view instructions);
/// The instruction that copies `size` (at most 2^24-1) bytes from the start of the base.
std::string copy_from_start(std::uint32_t size);

/// Bytes as a file to scan.
FileDescriptor as_file(std::string_view bytes);

/// A data directory with one empty repository, "app".
class StoreFixture {
 public:
  StoreFixture();

  [[nodiscard]] Path app() const { return store->path(name); }
  [[nodiscard]] Path data() const { return directory.path(); }
  PooledRepository open() const { return must(store->acquire(name)); }

  [[nodiscard]] Result<Quarantine> ingest(std::string_view pack) const {
    return Quarantine::ingest(*store, name, PackInput{-1, 0, pack});
  }
  /// Brings everything below `tip` into the repository, as an accepted push does.
  void push(const Workspace& from, const Oid& tip);
  /// Writes objects as they are, checked by nobody. Returns the last one's id.
  Oid plant(const std::vector<GitObject>& objects);
  /// A tree with one entry.
  Oid plant_tree(FileMode mode, const std::string& entry_name, const Oid& entry);
  Oid plant_blob(std::string_view bytes);

  GitLibrary library;
  TemporaryDirectory directory;
  UnwatchedSteps steps;
  RepositoryName name;
  std::unique_ptr<RepositoryStore> store;
};

}  // namespace statehouse::test
