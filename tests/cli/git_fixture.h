#pragma once

#include <string>
#include <utility>
#include <vector>

#include "crypto/base/file.h"
#include "store/git/git_library.h"

namespace statehouse::test {

using Files = std::vector<std::pair<std::string, std::string>>;

/// The snapshot archive (ustar-v1) of a tree with these files.
std::string archive_of(const Files& files);

/// A bare repository made with the real git, in a folder of its own.
class TestRepository {
 public:
  explicit TestRepository(Path path);

  /// Commits these files (and only these) on top of `ref` and moves it. Returns the commit's id.
  std::string commit(const std::string& ref, const Files& files, const std::string& message = "m");
  /// `git ARGUMENTS` on it, without the final LF; aborts when it fails.
  std::string git(const std::vector<std::string>& arguments, const std::string& input = "") const;

  [[nodiscard]] const Path& path() const { return path_; }

 private:
  Path path_;
};

}  // namespace statehouse::test
