#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "api/service/caller.h"
#include "api/service/core.h"

namespace statehouse {

/// What one caller sees of one repository at one moment. A value.
struct RepositoryView {
  RepositoryName repository;
  std::vector<RefState> refs;   ///< readable and servable, sorted by name
  std::optional<RefName> head;  ///< default branch when readable, else the first readable branch
  std::optional<RefName> unborn_head;  ///< the default branch of a repository without readable refs
  bool whole = false;                  ///< every live ref is in it
  std::uint64_t generation = 0;

  [[nodiscard]] const RefState* find(const RefName& ref) const;
};

/// Decides what a caller may read, and proves it for fetches. Threads: any.
class FetchService {
 public:
  explicit FetchService(Core& core) : core_(core) {}

  /// Errors: kNotFound when there is no such repository, or the caller may not know that there is.
  Result<RepositoryView> view(const AuthenticatedCaller& caller,
                              const RepositoryName& repository) const;

  /// Whether `caller` may read `key`.
  [[nodiscard]] bool may_read(const AuthenticatedCaller& caller, const RefKey& key) const;

  /// Checks that every want is a current or past version of a readable ref, or reachable from one.
  /// Existence of an object is never enough. Errors: kDenied names the first that is not.
  Result<> authorise_wants(const RepositoryView& view, std::span<const Oid> wants);

 private:
  Result<bool> is_readable_version(const RepositoryView& view, const Oid& want) const;
  Result<bool> is_reachable(const RepositoryView& view, const GitRepository& repository,
                            const Oid& want);

  /// Every object of a repository's versions, for partial clones that ask for single blobs.
  struct ObjectSet {
    std::uint64_t generation = 0;
    std::unordered_set<Oid> objects;
  };
  Result<std::shared_ptr<const ObjectSet>> objects_of(const RepositoryView& view,
                                                      const GitRepository& repository);

  Core& core_;
  std::mutex mutex_;
  std::map<RepositoryName, std::shared_ptr<const ObjectSet>> object_sets_;  ///< guarded by mutex_
};

}  // namespace statehouse
