#include "api/service/explain.h"

#include <array>

#include "crypto/base/limits.h"
#include "policy/evaluate.h"
#include "store/git/commit_graph.h"

namespace statehouse {

Result<Decision> explain_update(StateStore& store, const AuthenticatedCaller& caller,
                                const RefKey& key, const Oid& commit, std::optional<Timestamp> at) {
  Core& core = store.core();
  const auto missing = [&] {
    return not_found("explaining a push to " + key.str() + ": there is no commit " + commit.hex() +
                         " that the caller may read",
                     "push it to a branch first, or use `git push -o dry-run`");
  };
  if (!caller.identity()) return denied("explaining: only an identity can push");
  const RepositoryView view = TRY(store.fetches().view(caller, key.repository));
  const std::array wants{commit};
  if (!store.fetches().authorise_wants(view, wants)) return missing();
  const auto active = core.configuration.current();
  const PooledRepository repository = TRY(core.repositories.acquire(key.repository));
  UpdateFacts facts{.key = key, .pusher = *caller.identity()};
  facts.new_oid = commit;
  facts.now = at.value_or(core.clock.now());
  facts.is_import = active->configuration.baseline(key, commit) != nullptr;
  std::vector<Oid> excluded;
  // Through the view: whether a hidden ref exists, and where it stands, is not for everybody.
  if (const RefState* state = view.find(key.ref)) {
    facts.old_oid = state->content->commit;
    excluded.push_back(*facts.old_oid);
    facts.fast_forward = TRY(is_ancestor(*repository, *facts.old_oid, commit));
  } else {
    facts.kind = UpdateKind::kCreate;
  }
  const std::vector<Oid> commits =
      TRY(commits_reachable(*repository, wants, excluded, limits::kCommitsPerPushMax));
  const JudgingContext context{*active, caller.identity(), facts.now};
  for (const Oid& oid : commits) {
    JudgedCommit judged = TRY(core.judge.judge(*repository, oid, context));
    facts.new_commits.push_back(std::move(judged.facts));
  }
  return evaluate_update(active->configuration, facts);
}

}  // namespace statehouse
