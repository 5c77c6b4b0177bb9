#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "store/git/git_library.h"
#include "store/git/git_repository.h"
#include "store/model/name.h"

namespace statehouse {

class RepositoryStore;

/// A GitRepository on loan from the store's pool; goes back when destroyed. REQUIRES: the store
/// lives longer. Threads: one at a time.
class PooledRepository {
 public:
  PooledRepository(PooledRepository&& other) noexcept = default;
  PooledRepository& operator=(PooledRepository&& other) noexcept;
  ~PooledRepository();

  const GitRepository& operator*() const { return *repository_; }
  const GitRepository* operator->() const { return repository_.get(); }

 private:
  friend class RepositoryStore;
  PooledRepository(RepositoryStore& store, RepositoryName name,
                   std::unique_ptr<GitRepository> repository)
      : store_(&store), name_(std::move(name)), repository_(std::move(repository)) {}

  RepositoryStore* store_;
  RepositoryName name_;
  std::unique_ptr<GitRepository> repository_;
};

/// The bare repositories below DATA/repositories: NAME.git each, any git can read them.
///
/// Owns that folder: nobody else creates, renames or configures anything in it. Threads: any.
class RepositoryStore {
 public:
  /// REQUIRES: `data` exists and is on one file system with data/repositories and data/tmp, which
  /// are created when missing.
  static Result<std::unique_ptr<RepositoryStore>> open(const GitLibrary& library, Path data);
  RepositoryStore(const RepositoryStore&) = delete;
  RepositoryStore& operator=(const RepositoryStore&) = delete;

  /// Makes an empty repository whose HEAD names `default_branch`. Built under tmp/ and renamed, so
  /// that it is there wholly and durably when this returns, or not at all. Steps: those of
  /// write_file_durably under "repository.head" and "repository.config", then "repository.rename"
  /// and "repository.sync-directory". Errors: kConflict (the name is taken).
  Result<> create(const RepositoryName& name, const RefName& default_branch, DurableSteps& steps);

  /// Every repository, sorted by name. Errors: kCorrupt (something else lies in the folder).
  [[nodiscard]] Result<std::vector<RepositoryName>> list() const;
  [[nodiscard]] bool exists(const RepositoryName& name) const;

  /// A handle of one's own. Opening checks the folder's shape: symbolic links in place of folders,
  /// and files that make objects appear or vanish (objects/info/alternates, shallow, info/grafts),
  /// are kCorrupt. Errors: kNotFound.
  Result<PooledRepository> acquire(const RepositoryName& name);

  /// A handle that is not pooled and shares no object cache: what it reads, it reads from disk (for
  /// fsck and the scrubber). Errors: as `acquire`.
  Result<std::unique_ptr<GitRepository>> open_fresh(const RepositoryName& name);

  /// DATA/repositories/NAME.git.
  [[nodiscard]] Path path(const RepositoryName& name) const;
  /// The shared memory of the repository's history.
  std::shared_ptr<CommitGraph> graph(const RepositoryName& name);

  /// Removes what a killed process left in `name`: quarantines, temporary files, REF.lock files.
  /// REQUIRES: nobody writes to it (call at start, under the data directory's lock).
  Result<> remove_leftovers(const RepositoryName& name);

 private:
  friend class PooledRepository;
  struct Shared {
    std::shared_ptr<CommitGraph> graph = std::make_shared<CommitGraph>();
    std::vector<std::unique_ptr<GitRepository>> idle;
  };

  explicit RepositoryStore(Path data) : data_(std::move(data)) {}
  void give_back(const RepositoryName& name, std::unique_ptr<GitRepository> repository);

  const Path data_;
  std::mutex mutex_;
  std::map<RepositoryName, Shared> shared_;  ///< guarded by mutex_
};

/// Checks the shape of a bare repository at `repository`, as RepositoryStore::acquire does.
Result<> require_sound_layout(const Path& repository);

}  // namespace statehouse
