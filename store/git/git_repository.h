#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/base/limits.h"
#include "crypto/git_object.h"
#include "store/git/commit_graph.h"
#include "store/git/object.h"

struct git_odb;

namespace statehouse {

struct ObjectHeader {
  ObjectType type = ObjectType::kBlob;
  std::uint64_t size = 0;
};

/// A commit as it is stored: the exact bytes, and what they say.
struct GitCommit {
  Oid oid;
  Oid tree;
  std::vector<Oid> parents;
  std::string raw;      ///< verify signatures over these bytes, never over a re-serialisation
  CommitObject object;  ///< the same bytes, parsed
};

/// What a ref points to, after following annotated tags.
struct PeeledTip {
  Oid commit;
  std::vector<Oid> tags;  ///< outermost first; empty when the tip is the commit itself
};

/// The objects of one repository, read-only.
///
/// Every read re-hashes: bytes that do not hash to the id asked for are kCorrupt, so what is
/// returned is what the id names. Objects that appear later (a push) are found without reopening.
/// Never touches refs: callers bring ids from the ledger.
///
/// Errors of every method: kNotFound (no such object), kCorrupt (damaged object),
/// kInvalidArgument (larger than allowed; or sound, but malformed by who made it), kUnavailable
/// (I/O).
/// Threads: one at a time per object; RepositoryStore::acquire gives each thread its own.
class GitRepository {
 public:
  /// Opens `objects` (a repository's objects folder); `alternate`, when not empty, is a second one
  /// whose objects are visible too. `graph` remembers commits and may be shared between threads.
  /// REQUIRES: a GitLibrary is alive. Follows no objects/info/alternates: such a file is kCorrupt.
  static Result<std::unique_ptr<GitRepository>> open(const Path& objects, const Path& alternate,
                                                     std::shared_ptr<CommitGraph> graph);
  GitRepository(const GitRepository&) = delete;
  GitRepository& operator=(const GitRepository&) = delete;
  ~GitRepository();

  [[nodiscard]] Result<GitObject> read_object(
      const Oid& oid, std::uint64_t bytes_max = limits::kObjectBytesMax) const;
  /// Type and size without the content. Not re-hashed.
  [[nodiscard]] Result<ObjectHeader> object_header(const Oid& oid) const;
  /// Existence only: no proof that the object is sound or reachable.
  [[nodiscard]] bool has_object(const Oid& oid) const;

  /// Readers that also require the type (kInvalidArgument "is a tree, not a commit").
  [[nodiscard]] Result<GitCommit> read_commit(const Oid& oid) const;
  [[nodiscard]] Result<std::vector<TreeEntry>> read_tree(const Oid& oid) const;
  [[nodiscard]] Result<std::string> read_blob(
      const Oid& oid, std::uint64_t bytes_max = limits::kObjectBytesMax) const;

  /// Follows annotated tags (at most 8) to a commit.
  [[nodiscard]] Result<PeeledTip> peel(const Oid& oid) const;

  [[nodiscard]] CommitGraph& graph() const { return *graph_; }

 private:
  struct CloseOdb {
    void operator()(git_odb* odb) const;
  };

  GitRepository(git_odb* odb, std::shared_ptr<CommitGraph> graph);

  std::unique_ptr<git_odb, CloseOdb> odb_;
  std::shared_ptr<CommitGraph> graph_;
};

}  // namespace statehouse
