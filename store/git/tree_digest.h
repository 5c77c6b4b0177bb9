#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "store/git/oid_memory.h"
#include "store/git/tree_walk.h"

namespace statehouse {

/// What is to be known of a whole tree before it becomes a version.
struct TreeMeasure {
  std::string sha256;  ///< 32 raw bytes: the id that it has in a SHA-256 Git repository
  /// An upper bound of the archive's size, whatever the paths; UINT64_MAX when it is beyond that.
  std::uint64_t archive_bytes_max = 0;
};

/// Computes `treeSha256`: the id that a tree has in a SHA-256 Git repository (blobs, and trees with
/// 32-byte ids, recursively), so that a version does not rest on SHA-1. Anybody can check one with
/// `git init --object-format=sha256`.
///
/// Remembers what it computed, by SHA-1 id, in bounded memory: a new version costs its changed
/// files only. That is sound because every object behind an id was re-hashed with collision
/// detection when read. Threads: any (calls on different repositories may share one memory).
class TreeDigests {
 public:
  /// About 150 bytes for each of `objects_max` remembered objects.
  explicit TreeDigests(std::size_t objects_max = 400'000) : memory_(objects_max) {}

  /// Each distinct tree is read once, so repeated subtrees cost nothing.
  /// Errors: kInvalidArgument (a gitlink, which has no content to hash; deeper than
  /// limits::kTreeDepthMax); as GitRepository's.
  Result<TreeMeasure> measure(const GitRepository& repository, const Oid& tree);
  /// The `sha256` of it.
  Result<std::string> tree_sha256(const GitRepository& repository, const Oid& tree);

 private:
  OidMemory<TreeMeasure> memory_;
};

/// SHA-256 over "`type` `size`\0" and the bytes: for a commit, `commitSha256`. 32 raw bytes.
std::string object_sha256(ObjectType type, std::string_view bytes);

}  // namespace statehouse
