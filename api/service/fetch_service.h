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
#include "store/git/commit_graph.h"

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

/// What one fetch says of itself; duplicates do not matter.
struct FetchClaims {
  std::vector<Oid> wants;
  std::vector<Oid> haves;  ///< what the client says it has, and where it says its history ends
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

  /// How many ids of one fetch are looked for among past versions, wants and haves each.
  static constexpr std::size_t kVersionLookupsMax = 256;
  /// Haves of one fetch that are looked at; the rest counts as unknown.
  static constexpr std::size_t kHavesMax = 32'768;

  /// Checks that every want is a current or past version of a readable ref, or reachable from one.
  /// Existence of an object is never enough. All ids together cost one walk through history, which
  /// `patience` may end. Returns those of `claims.haves` that such versions lead to too: more than
  /// these `git` must not be told, or its answer says what else is here.
  /// Errors: kDenied names the first want that is not; that of `patience`.
  Result<std::unordered_set<Oid>> authorise_fetch(const RepositoryView& view,
                                                  const FetchClaims& claims,
                                                  const WalkPatience& patience);

  /// The same for wants alone.
  Result<> authorise_wants(const RepositoryView& view, std::span<const Oid> wants,
                           const WalkPatience& patience = {});

 private:
  Result<bool> is_readable_version(const RepositoryView& view, const Oid& want) const;
  /// Adds those of the first `sought` that are past versions to `found`.
  Result<> find_versions(const RepositoryView& view, std::span<const Oid> sought,
                         std::unordered_set<Oid>& found) const;
  /// The commits among `wants`. Errors: kDenied for what is not here, or may not be asked for.
  Result<std::vector<Oid>> wanted_commits(const RepositoryView& view,
                                          const GitRepository& repository,
                                          std::span<const Oid> wants, const WalkPatience& patience);

  /// Every object of a repository's versions, for partial clones that ask for single blobs.
  struct ObjectSet {
    std::uint64_t generation = 0;
    std::unordered_set<Oid> objects;
  };
  Result<std::shared_ptr<const ObjectSet>> objects_of(const RepositoryView& view,
                                                      const GitRepository& repository,
                                                      const WalkPatience& patience);

  Core& core_;
  std::mutex mutex_;
  std::map<RepositoryName, std::shared_ptr<const ObjectSet>> object_sets_;  ///< guarded by mutex_
};

}  // namespace statehouse
