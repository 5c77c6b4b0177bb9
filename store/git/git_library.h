#pragma once

#include "crypto/base/error.h"

namespace statehouse {

/// libgit2, ready for use in this process. Made once by `main` (or a test) before anything else of
/// store/git, and destroyed after it; whoever needs it takes a reference to it as proof.
///
/// Sets: re-hashing of every object read; no ownership check (the data directory is ours, other
/// repositories are never opened); bounded caches and mapped windows; no search for configuration
/// files outside the repository. Threads: any, after construction.
class GitLibrary {
 public:
  GitLibrary();
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
  ~GitLibrary();

  /// kUnavailable when the library at hand is not one we can trust: older than 1.5.1, or built
  /// without threads.
  static Result<> check();
};

}  // namespace statehouse
