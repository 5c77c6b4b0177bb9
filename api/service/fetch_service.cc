#include "api/service/fetch_service.h"

#include <algorithm>

#include "crypto/base/limits.h"
#include "policy/evaluate.h"

namespace statehouse {

namespace {

std::optional<RefName> choose_head(const RepositoryView& view,
                                   const std::optional<RefName>& default_branch) {
  if (default_branch && view.find(*default_branch) != nullptr) return default_branch;
  for (const RefState& state : view.refs) {
    if (state.key.ref.str().starts_with("refs/heads/")) return state.key.ref;
  }
  return std::nullopt;
}

std::vector<Oid> tips_of(const RepositoryView& view) {
  std::vector<Oid> tips;
  for (const RefState& state : view.refs) tips.push_back(state.content->commit);
  return tips;
}

/// Whether some policy lets `identity` read or push any ref of `repository`, existing or not.
bool may_act_in(const Configuration& configuration, const ResourceName& identity,
                const RepositoryName& repository) {
  return std::ranges::any_of(configuration.policies(), [&](const Policy& policy) {
    const bool matches = std::ranges::any_of(
        policy.repositories, [&](const Glob& glob) { return glob.matches(repository); });
    return matches && (configuration.names(policy.read, identity) ||
                       configuration.names(policy.update_by, identity));
  });
}

/// Adds `tree` and everything below it; subtrees that are in the set already are not read.
Result<> add_tree(const GitRepository& repository, const Oid& tree,
                  std::unordered_set<Oid>& objects) {
  std::vector<Oid> pending{tree};
  while (!pending.empty()) {
    const Oid next = pending.back();
    pending.pop_back();
    if (!objects.insert(next).second) continue;
    const std::vector<TreeEntry> entries = TRY(repository.read_tree(next));
    for (const TreeEntry& entry : entries) {
      if (entry.is_tree()) {
        pending.push_back(entry.oid);
      } else {
        objects.insert(entry.oid);
      }
    }
  }
  return {};
}

/// `oids` without duplicates and without `known`, in order; the first `count_max` of them.
std::vector<Oid> distinct(std::span<const Oid> oids, const std::unordered_set<Oid>& known,
                          std::size_t count_max) {
  std::vector<Oid> kept;
  std::unordered_set<Oid> seen;
  for (const Oid& oid : oids) {
    if (kept.size() == count_max) break;
    if (!known.contains(oid) && seen.insert(oid).second) kept.push_back(oid);
  }
  return kept;
}

std::unexpected<Error> not_our_ref(const Oid& want) {
  return denied("fetching: not our ref " + want.hex());
}

}  // namespace

const RefState* RepositoryView::find(const RefName& ref) const {
  const auto found =
      std::ranges::find_if(refs, [&](const RefState& state) { return state.key.ref == ref; });
  return found == refs.end() ? nullptr : &*found;
}

bool FetchService::may_read(const AuthenticatedCaller& caller, const RefKey& key) const {
  if (caller.is_control()) return true;
  if (!caller.covers(key.repository)) return false;
  const auto active = core_.configuration.current();
  return statehouse::may_read(active->configuration, caller.identity(), key);
}

Result<RepositoryView> FetchService::view(const AuthenticatedCaller& caller,
                                          const RepositoryName& repository) const {
  const auto hidden = [&] {
    return not_found("looking at " + repository.str() + ": no such repository",
                     "check the name, and that the token may read it");
  };
  if (!core_.repositories.exists(repository) || !caller.covers(repository)) return hidden();
  const auto active = core_.configuration.current();
  const auto snapshot = core_.refs.current();
  RepositoryView view{.repository = repository, .generation = snapshot->generation_of(repository)};
  view.whole = true;
  for (const RefState* state : snapshot->of(repository)) {
    if (may_read(caller, state->key) && !core_.alarms.is_blocked(state->key)) {
      view.refs.push_back(*state);
    } else {
      view.whole = false;
    }
  }
  const Repository* declared = active->configuration.repository(repository);
  std::optional<RefName> default_branch =
      declared != nullptr ? declared->default_branch : std::nullopt;
  if (repository.is_system()) default_branch = system_audit_ref().ref;
  view.head = choose_head(view, default_branch);
  const bool reads_default =
      default_branch && may_read(caller, RefKey{repository, *default_branch});
  if (!view.head && reads_default) view.unborn_head = default_branch;
  // Somebody who may push here, or read what is not there yet, may know that the repository exists.
  const bool known =
      caller.is_control() || !view.refs.empty() || reads_default ||
      (caller.identity() && may_act_in(active->configuration, *caller.identity(), repository));
  if (!known) return hidden();
  return view;
}

Result<bool> FetchService::is_readable_version(const RepositoryView& view, const Oid& want) const {
  const std::vector<VersionRecord> versions =
      TRY(core_.ledger.read().versions_of_commit(view.repository, want));
  return std::ranges::any_of(versions, [&](const VersionRecord& version) {
    return view.find(version.key.ref) != nullptr;
  });
}

Result<std::shared_ptr<const FetchService::ObjectSet>> FetchService::objects_of(
    const RepositoryView& view, const GitRepository& repository, const WalkPatience& patience) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = object_sets_.find(view.repository);
    if (found != object_sets_.end() && found->second->generation == view.generation) {
      return found->second;
    }
  }
  auto set = std::make_shared<ObjectSet>();
  set->generation = view.generation;
  const std::vector<Oid> commits =
      TRY(commits_reachable(repository, tips_of(view), {}, limits::kCommitsInMemoryMax));
  for (const Oid& commit : commits) {
    if (patience) TRY(patience());
    const GitCommit object = TRY(repository.read_commit(commit));
    set->objects.insert(commit);
    TRY(add_tree(repository, object.tree, set->objects));
  }
  const std::lock_guard lock(mutex_);
  object_sets_.insert_or_assign(view.repository, set);
  return std::shared_ptr<const ObjectSet>(set);
}

Result<> FetchService::find_versions(const RepositoryView& view, std::span<const Oid> sought,
                                     std::unordered_set<Oid>& found) const {
  for (const Oid& oid : sought.first(std::min(sought.size(), kVersionLookupsMax))) {
    const bool past = TRY(is_readable_version(view, oid));
    if (past) found.insert(oid);
  }
  return {};
}

Result<std::vector<Oid>> FetchService::wanted_commits(const RepositoryView& view,
                                                      const GitRepository& repository,
                                                      std::span<const Oid> wants,
                                                      const WalkPatience& patience) {
  std::vector<Oid> commits;
  std::shared_ptr<const ObjectSet> objects;
  for (const Oid& want : wants) {
    const auto header = repository.object_header(want);
    if (!header) return not_our_ref(want);
    if (header->type == ObjectType::kCommit) {
      commits.push_back(want);
      continue;
    }
    // Single trees and blobs are for partial clones, which only a view of everything may make.
    if (!view.whole) return not_our_ref(want);
    if (!objects) objects = TRY(objects_of(view, repository, patience));
    if (!objects->objects.contains(want)) return not_our_ref(want);
  }
  return commits;
}

Result<std::unordered_set<Oid>> FetchService::authorise_fetch(const RepositoryView& view,
                                                              const FetchClaims& claims,
                                                              const WalkPatience& patience) {
  const PooledRepository repository = TRY(core_.repositories.acquire(view.repository));
  // Grows from the tips: everything here is readable, and so is what it leads to.
  const std::vector<Oid> tips = tips_of(view);
  std::unordered_set<Oid> readable(tips.begin(), tips.end());
  const std::vector<Oid> wants = TRY(wanted_commits(
      view, *repository, distinct(claims.wants, readable, limits::kFetchWantsMax), patience));
  const std::vector<Oid> haves = distinct(claims.haves, readable, kHavesMax);
  TRY(find_versions(view, wants, readable));
  TRY(find_versions(view, haves, readable));
  std::vector<Oid> sought = distinct(wants, readable, wants.size());
  for (const Oid& have : distinct(haves, readable, haves.size())) sought.push_back(have);
  const std::vector<Oid> starts(readable.begin(), readable.end());
  const std::unordered_set<Oid> reached =
      TRY(reachable_among(*repository, starts, sought, patience));
  readable.insert(reached.begin(), reached.end());
  for (const Oid& want : wants) {
    if (readable.contains(want)) continue;
    if (wants.size() <= kVersionLookupsMax) return not_our_ref(want);
    return denied("fetching: not our ref " + want.hex() + ", or one of more than " +
                      std::to_string(kVersionLookupsMax) + " past versions",
                  "ask for fewer commits at once");
  }
  std::unordered_set<Oid> known;
  for (const Oid& have : claims.haves) {
    if (readable.contains(have)) known.insert(have);
  }
  return known;
}

Result<> FetchService::authorise_wants(const RepositoryView& view, std::span<const Oid> wants,
                                       const WalkPatience& patience) {
  TRY(authorise_fetch(view, {.wants = {wants.begin(), wants.end()}, .haves = {}}, patience));
  return {};
}

}  // namespace statehouse
