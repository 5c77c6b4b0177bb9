#include "api/service/write_path.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "api/service/owed_statement.h"
#include "crypto/base/encoding.h"
#include "crypto/base/json.h"
#include "crypto/base/limits.h"
#include "policy/evaluate.h"
#include "store/git/commit_graph.h"
#include "store/git/ref_files.h"

namespace statehouse {

namespace {

/// How often a decision is made again because the configuration changed under it.
constexpr int kAttemptsMax = 5;

/// While so many versions of a ref wait for their snapshots, no push of a larger one is taken.
constexpr VersionNumber kOwedStatementsMax = 16;
constexpr std::uint64_t kLargeArchiveBytes = 64U << 20;

std::string push_id_from(const Entropy& entropy) { return hex_encode(entropy.bytes(16)); }

std::vector<Oid> baseline_commits(const Configuration& configuration,
                                  const RepositoryName& repository) {
  std::vector<Oid> commits;
  if (const Repository* declared = configuration.repository(repository)) {
    for (const Baseline& baseline : declared->baselines) commits.push_back(baseline.commit);
  }
  return commits;
}

}  // namespace

/// One move with everything that was found out about it.
struct WritePath::Candidate {
  const ProposedMove* move = nullptr;
  UpdateFacts facts;
  VersionNumber version_now = 0;  ///< newest version of the ref; 0 when it never had one
  std::optional<VersionContent> content;
  std::vector<CommitVerdictRecord> fresh_verdicts;
  CommitCounts counts;
  Decision decision;
};

struct WritePath::Attempt {
  std::shared_ptr<const ActiveConfiguration> active;
  std::string push_id;
  std::vector<Candidate> candidates;

  [[nodiscard]] bool allowed() const {
    return std::ranges::all_of(candidates, [](const Candidate& c) { return c.decision.allow; });
  }
};

namespace {

/// Where the ledger says the ref stands, checked against what the caller believes.
Result<VersionNumber> require_old_value(const Core& core, const ProposedMove& move) {
  const std::optional<RefState> state = TRY(core.ledger.read().ref(move.key));
  const std::optional<Oid> now =
      state && state->content ? std::optional<Oid>(state->content->commit) : std::nullopt;
  if (now == move.old_oid) return state ? state->version : 0;
  // The words are those that clients such as Argo CD look for before they retry.
  if (now && !move.old_oid)
    return conflict("moving " + move.key.str() + ": reference already exists");
  return conflict("moving " + move.key.str() + ": incorrect old value (fetch first)",
                  "fetch the ref, put your change on top and try again");
}

/// Marks which of `commits` some declared baseline covers.
Result<std::unordered_set<Oid>> covered_by_baselines(const GitRepository& view,
                                                     const std::vector<Oid>& baselines,
                                                     const std::vector<Oid>& excluded) {
  std::vector<Oid> present;
  for (const Oid& commit : baselines) {
    if (view.has_object(commit)) present.push_back(commit);
  }
  if (present.empty()) return std::unordered_set<Oid>();
  const std::vector<Oid> covered =
      TRY(commits_reachable(view, present, excluded, limits::kCommitsPerPushMax));
  return std::unordered_set<Oid>(covered.begin(), covered.end());
}

/// Who neither reads a ref nor may push to it is told just that: anything more would say whether
/// the ref exists, or what it stands at.
std::optional<Decision> refuse_stranger(const Configuration& configuration,
                                        const MoveRequest& request, const ProposedMove& move) {
  if (request.promotion || may_read(configuration, request.mover, move.key)) return std::nullopt;
  Decision decision = evaluate_push_permission(configuration, move.key, request.mover);
  if (decision.allow) return std::nullopt;
  return decision;
}

void count_commit(const CommitFacts& facts, CommitCounts& counts) {
  ++counts.fresh;
  if (facts.is_baseline) ++counts.baseline;
  ++(facts.signature.state == SignatureState::kGood ? counts.verified : counts.unverified);
}

/// Of the keys that signed something, not of those that are only named: by a bad signature, or by
/// one of OpenPGP, which cannot be verified without the key.
std::set<std::string> signing_keys(const std::vector<CommitFacts>& commits) {
  std::set<std::string> keys;
  for (const CommitFacts& commit : commits) {
    const SignatureVerdict& verdict = commit.signature;
    const bool signed_it =
        verdict.state == SignatureState::kGood || verdict.state == SignatureState::kKeyNotValid ||
        (verdict.state == SignatureState::kUnknownKey && verdict.format == SignatureFormat::kSsh);
    if (signed_it && !verdict.fingerprint.empty()) keys.insert(verdict.fingerprint);
  }
  return keys;
}

/// A version that cannot be stated would keep every later one of its ref from being stated.
void check_size(const TreeMeasure& measure, Decision& decision) {
  if (measure.archive_bytes_max <= limits::kArchiveBytesMax) return;
  decision.fail("store", "archive-size",
                "the snapshot of this tree could be larger than " +
                    std::to_string(limits::kArchiveBytesMax) + " bytes",
                "keep large or very many files elsewhere");
}

/// Who pushes large trees faster than their snapshots are made would keep the store at work with
/// nothing else.
Result<> check_backlog(const Core& core, const TreeMeasure& measure, const RefKey& key,
                       VersionNumber version_now, Decision& decision) {
  if (measure.archive_bytes_max <= kLargeArchiveBytes) return {};
  const bool owes = TRY(owes_statements(core.ledger.read(), key, version_now, kOwedStatementsMax));
  if (!owes) return {};
  decision.fail("store", "backlog",
                "the snapshots of the last " + std::to_string(kOwedStatementsMax) +
                    " versions of this ref are still to be made, and this tree is large",
                "push again in a few minutes");
  return {};
}

/// A declared baseline names both hashes of its commit and tree; all must be what arrived.
void check_baseline(const Baseline& baseline, const VersionContent& content, Decision& decision) {
  const bool same = baseline.tree == content.tree &&
                    baseline.commit_sha256 == content.commit_digest &&
                    baseline.tree_sha256 == content.tree_digest;
  if (same) {
    decision.pass("store", "baseline", "commit and tree are the declared ones, under both hashes");
  } else {
    decision.fail("store", "baseline", "the pushed objects are not those the baseline declares",
                  "compare commit, tree and their SHA-256 in the Repository resource");
  }
}

/// Judges a tree that is about to become part of `system`.
Result<> check_configuration(const Core& core, const GitRepository& view, const Oid& tree,
                             Timestamp now, Decision& decision) {
  const auto candidate = core.configuration.read(view, tree);
  if (!candidate) {
    decision.add(refuse_configuration(candidate.error(), "configuration"));
    return {};
  }
  if (const auto lockout = find_lockout(*candidate, now)) {
    decision.add(refuse_configuration({*lockout}, "lockout"));
    return {};
  }
  decision.pass("store", "configuration", "the configuration is valid");
  return {};
}

}  // namespace

Result<VersionContent> version_content(const Core& core, const GitRepository& repository,
                                       const Oid& commit) {
  const GitCommit object = TRY(repository.read_commit(commit));
  const std::string tree_sha256 = TRY(core.tree_digests.tree_sha256(repository, object.tree));
  return VersionContent{commit, "sha256:" + git_object_sha256("commit", object.raw), object.tree,
                        "sha256:" + hex_encode(tree_sha256)};
}

namespace {

/// Every governed ref, a tag too, stands at a commit.
Result<> require_commit(const GitRepository& view, const RefKey& key, const Oid& tip) {
  const ObjectHeader header = TRY(view.object_header(tip));
  if (header.type == ObjectType::kCommit) return {};
  if (header.type == ObjectType::kTag) {
    return invalid_argument("moving " + key.str() + ": it would stand at an annotated tag object",
                            "push a lightweight tag: git tag NAME COMMIT");
  }
  return invalid_argument("moving " + key.str() + ": it would stand at something but a commit");
}

}  // namespace

Result<WritePath::Candidate> WritePath::gather(const MoveRequest& request, const ProposedMove& move,
                                               const ActiveConfiguration& active) const {
  const VersionNumber version_now = TRY(require_old_value(core_, move));
  Candidate candidate{.move = &move,
                      .facts = UpdateFacts{.key = move.key, .pusher = request.mover},
                      .version_now = version_now};
  UpdateFacts& facts = candidate.facts;
  facts.kind = !move.new_oid   ? UpdateKind::kDelete
               : !move.old_oid ? UpdateKind::kCreate
                               : UpdateKind::kUpdate;
  facts.old_oid = move.old_oid;
  facts.new_oid = move.new_oid;
  facts.now = core_.clock.now();
  if (request.promotion) facts.via_flow = request.promotion->flow;
  if (!move.new_oid) return candidate;
  TRY(require_commit(request.view, move.key, *move.new_oid));
  candidate.content = TRY(version_content(core_, request.view, *move.new_oid));
  facts.is_import = active.configuration.baseline(move.key, *move.new_oid) != nullptr;
  if (move.old_oid) {
    facts.fast_forward = TRY(is_ancestor(request.view, *move.old_oid, *move.new_oid));
  }
  TRY(gather_commits(request, active, candidate));
  return candidate;
}

Result<> WritePath::gather_commits(const MoveRequest& request, const ActiveConfiguration& active,
                                   Candidate& candidate) const {
  UpdateFacts& facts = candidate.facts;
  const std::vector<Oid> tips{*facts.new_oid};
  std::vector<Oid> excluded;
  if (facts.old_oid) excluded.push_back(*facts.old_oid);
  const std::vector<Oid> commits =
      TRY(commits_reachable(request.view, tips, excluded, limits::kCommitsPerPushMax));
  const std::unordered_set<Oid> covered = TRY(covered_by_baselines(
      request.view, baseline_commits(active.configuration, facts.key.repository), excluded));
  const JudgingContext context{active, request.mover, facts.now, request.own_verdicts};
  for (const Oid& commit : commits) {
    JudgedCommit judged = TRY(core_.judge.judge(request.view, commit, context));
    judged.facts.is_baseline = covered.contains(commit);
    count_commit(judged.facts, candidate.counts);
    if (judged.fresh) candidate.fresh_verdicts.push_back(*std::move(judged.fresh));
    facts.new_commits.push_back(std::move(judged.facts));
  }
  return {};
}

Result<Decision> WritePath::decide(const MoveRequest& request, const Candidate& candidate,
                                   const ActiveConfiguration& active) const {
  Decision decision;
  if (request.promotion) decision.add(request.promotion->decision);
  const UpdateFacts& facts = candidate.facts;
  decision.add(evaluate_update(active.configuration, facts));
  if (candidate.content) {
    // History that a baseline excuses is taken as it is; its tip must still be a tree we can serve.
    std::vector<Oid> checked{*facts.new_oid};
    for (const CommitFacts& commit : facts.new_commits) {
      if (!commit.is_baseline && !commit.received) checked.push_back(commit.oid);
    }
    const auto violation = TRY(core_.object_rules.check_commits(request.view, checked));
    if (violation) {
      decision.fail("store", violation->rule,
                    "`" + escape_for_message(violation->path) + "`: " + violation->reason,
                    "remove it from every commit that is pushed");
    }
    const TreeMeasure measure =
        TRY(core_.tree_digests.measure(request.view, candidate.content->tree));
    check_size(measure, decision);
    if (!request.promotion) {
      TRY(check_backlog(core_, measure, facts.key, candidate.version_now, decision));
    }
    if (const Baseline* baseline = active.configuration.baseline(facts.key, *facts.new_oid)) {
      check_baseline(*baseline, *candidate.content, decision);
    }
  }
  const bool is_configuration = facts.key == system_audit_ref() || facts.key == system_deploy_ref();
  if (is_configuration && candidate.content) {
    TRY(check_configuration(core_, request.view, candidate.content->tree, facts.now, decision));
  }
  decision.settle();
  return decision;
}

Result<WritePath::Attempt> WritePath::attempt(const MoveRequest& request) const {
  Attempt attempt{core_.configuration.current(), push_id_from(core_.entropy), {}};
  if (request.promotion && request.promotion->configuration != attempt.active->version) {
    return conflict("merging promotion " + std::to_string(request.promotion->number) +
                        ": the configuration changed meanwhile",
                    "try again");
  }
  for (const ProposedMove& move : request.moves) {
    Candidate candidate{.move = &move,
                        .facts = UpdateFacts{.key = move.key, .pusher = request.mover}};
    auto refusal = refuse_stranger(attempt.active->configuration, request, move);
    if (refusal) {
      candidate.decision = *std::move(refusal);
    } else {
      candidate = TRY(gather(request, move, *attempt.active));
      candidate.decision = TRY(decide(request, candidate, *attempt.active));
    }
    attempt.candidates.push_back(std::move(candidate));
  }
  return attempt;
}

Result<MoveOutcome> WritePath::move(const RepositoryQueue::Turn& turn, const MoveRequest& request) {
  STATEHOUSE_ASSERT(turn.holds(request.repository) && !request.moves.empty());
  if (const auto stale = core_.configuration.stale()) {
    return unavailable(
        "writing: the configuration in `system` cannot be read: " + *stale,
        "the server's operator looks at its log; nothing can be written until it is mended");
  }
  PublishedObjects published;
  bool outcome_unknown = false;
  Result<MoveOutcome> outcome = decide_and_move(request, published, outcome_unknown);
  const bool accepted = outcome && outcome->accepted;
  // What a push brought and no version rests on is taken out again, unless it may have been
  // committed.
  if (!accepted && !outcome_unknown) TRY(published.remove());
  return outcome;
}

Result<MoveOutcome> WritePath::decide_and_move(const MoveRequest& request,
                                               PublishedObjects& published, bool& outcome_unknown) {
  bool durable = false;
  for (int i = 0; i < kAttemptsMax; ++i) {
    const Attempt made = TRY(attempt(request));
    if (request.dry_run) {
      MoveOutcome outcome;
      for (const Candidate& candidate : made.candidates) {
        outcome.decisions.push_back(candidate.decision);
      }
      return outcome;
    }
    if (!made.allowed()) return refuse(request, made);
    if (request.quarantine != nullptr && !durable) {
      published = TRY(request.quarantine->make_durable(core_.steps));
      durable = true;
    }
    Result<MoveOutcome> outcome = accept(request, made, outcome_unknown);
    const bool void_decision = !outcome && outcome.error().code == ErrorCode::kConflict &&
                               configuration_moved_since(made.active->version);
    if (!void_decision) return outcome;
  }
  return unavailable("writing: the configuration kept changing meanwhile", "try again");
}

bool WritePath::configuration_moved_since(VersionNumber version) const {
  const auto state = core_.ledger.read().ref(system_deploy_ref());
  const bool moved = state && *state && (*state)->version != version;
  return moved && core_.configuration.wait_until_newer(version);
}

Result<MoveOutcome> WritePath::refuse(const MoveRequest& request, const Attempt& attempt) const {
  std::vector<RefusedUpdate> updates;
  MoveOutcome outcome;
  for (const Candidate& candidate : attempt.candidates) {
    outcome.decisions.push_back(candidate.decision);
    if (candidate.decision.allow) continue;
    updates.push_back({candidate.move->key, candidate.move->old_oid, candidate.move->new_oid,
                       candidate.decision, signing_keys(candidate.facts.new_commits)});
  }
  outcome.entry = TRY(refusals_.record(request.caller, attempt.push_id, updates));
  return outcome;
}

Result<RecordedVersion> WritePath::record(Transaction& transaction, const MoveRequest& request,
                                          const Attempt& attempt,
                                          const Candidate& candidate) const {
  TRY(transaction.require_ref_at(candidate.move->key, candidate.version_now));
  for (const CommitVerdictRecord& verdict : candidate.fresh_verdicts) {
    TRY(transaction.record_verdict(verdict));
  }
  VersionDraft draft{.key = candidate.move->key};
  draft.version = candidate.version_now + 1;
  draft.kind = request.promotion           ? request.promotion->kind
               : !candidate.content        ? VersionKind::kDelete
               : candidate.facts.is_import ? VersionKind::kImport
                                           : VersionKind::kPush;
  draft.content = candidate.content;
  draft.push_id = attempt.push_id;
  draft.forced = candidate.content && !candidate.facts.fast_forward;
  draft.commits = candidate.counts;
  draft.configuration = attempt.active->version;
  draft.policy_digest =
      policy_digest(attempt.active->configuration, candidate.move->key, candidate.facts.via_flow);
  if (request.promotion) {
    draft.promotion = request.promotion->number;
    draft.approved_by = request.promotion->approved_by;
  }
  draft.actor = request.caller.actor();
  RecordedVersion recorded = TRY(transaction.record_version(
      draft, {{"decision", "application/json", dump_json(to_json(candidate.decision))}}));
  if (candidate.content) TRY(owe_statement(transaction, recorded.version));
  return recorded;
}

Result<std::vector<RecordedVersion>> WritePath::commit(const MoveRequest& request,
                                                       const Attempt& attempt) const {
  return core_.ledger.commit([&](Transaction& transaction) -> Result<std::vector<RecordedVersion>> {
    TRY(transaction.require_ref_at(system_deploy_ref(), attempt.active->version));
    for (const CommitVerdictRecord& verdict : request.own_verdicts) {
      TRY(transaction.record_verdict(verdict));
    }
    std::vector<RecordedVersion> recorded;
    for (const Candidate& candidate : attempt.candidates) {
      RecordedVersion version = TRY(record(transaction, request, attempt, candidate));
      recorded.push_back(std::move(version));
    }
    if (request.also) TRY(request.also(transaction, recorded));
    return recorded;
  });
}

Result<MoveOutcome> WritePath::accept(const MoveRequest& request, const Attempt& attempt,
                                      bool& outcome_unknown) {
  std::vector<RefFileUpdate> updates;
  for (const ProposedMove& move : request.moves) updates.push_back({move.key.ref, move.new_oid});
  RefLocks locks =
      TRY(RefLocks::acquire(core_.repositories.path(request.repository), updates, core_.steps));
  auto recorded = commit(request, attempt);
  if (!recorded) {
    outcome_unknown = recorded.error().code == ErrorCode::kInternal;
    if (outcome_unknown) locks.keep();
    return std::unexpected(std::move(recorded).error());
  }
  publish(request, locks, *recorded);
  MoveOutcome outcome;
  outcome.accepted = true;
  for (const Candidate& candidate : attempt.candidates) {
    outcome.decisions.push_back(candidate.decision);
  }
  for (const RecordedVersion& version : *recorded) outcome.versions.push_back(version.version);
  outcome.entry = recorded->front().version.entry;
  return outcome;
}

void WritePath::publish(const MoveRequest& request, RefLocks& locks,
                        const std::vector<RecordedVersion>& recorded) {
  const Result<> written = locks.publish(core_.steps);
  if (!written) {
    // Committed all the same: the outbox row stays, and the next start rolls the file forward.
    core_.alarms.raise("ref-file", request.repository.str(), written.error().message);
  }
  std::vector<RefState> states;
  for (const RecordedVersion& item : recorded) {
    const VersionRecord& version = item.version;
    states.push_back({version.key, version.version, version.content, version.entry});
  }
  core_.refs.apply(states);
  if (on_moved_) on_moved_(recorded, written.has_value());
}

}  // namespace statehouse
