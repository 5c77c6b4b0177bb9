#include "api/service/push_service.h"

#include <algorithm>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

PushReport report_for_all(const PushIntent& intent, const std::optional<std::string>& refused) {
  PushReport report;
  for (const ProposedMove& move : intent.moves) report.refs.push_back({move.key.ref, refused});
  return report;
}

void add_entry_line(PushReport& report, const std::optional<EntryIndex>& entry) {
  if (entry) report.remote_lines.push_back("entry: " + std::to_string(*entry));
}

void append(std::vector<std::string>& lines, const std::vector<std::string>& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

PushReport report_accepted(const PushIntent& intent, const MoveOutcome& outcome) {
  PushReport report = report_for_all(intent, std::nullopt);
  for (const Decision& decision : outcome.decisions)
    append(report.remote_lines, remote_lines(decision));
  for (const VersionRecord& version : outcome.versions) {
    report.remote_lines.push_back("accepted: " + version.key.str() + " version " +
                                  std::to_string(version.version) + ", entry " +
                                  std::to_string(version.entry));
  }
  return report;
}

/// Some clients show the ref's own line and no more: it names a rule at least.
std::string refusal_of(const Decision& decision) {
  const auto rule = std::ranges::find_if(decision.rules, &RuleResult::denies);
  std::string text = "denied by policy";
  if (rule != decision.rules.end()) text += ": " + rule->policy + "/" + rule->rule;
  return text;
}

/// Atomic: a ref that would be fine alone says whose fault it is that it did not move.
PushReport report_refused(const PushIntent& intent, const MoveOutcome& outcome) {
  PushReport report;
  for (std::size_t i = 0; i < intent.moves.size(); ++i) {
    const Decision& decision = outcome.decisions[i];
    append(report.remote_lines, remote_lines(decision));
    report.refs.push_back(
        {intent.moves[i].key.ref,
         decision.allow ? "not moved: another ref of this push was denied" : refusal_of(decision)});
  }
  add_entry_line(report, outcome.entry);
  return report;
}

PushReport report_dry_run(const PushIntent& intent, const MoveOutcome& outcome) {
  PushReport report;
  for (std::size_t i = 0; i < intent.moves.size(); ++i) {
    const Decision& decision = outcome.decisions[i];
    append(report.remote_lines, remote_lines(decision));
    report.remote_lines.push_back("dry run: " + intent.moves[i].key.str() +
                                  (decision.allow ? " would be accepted" : " would be denied"));
    report.refs.push_back({intent.moves[i].key.ref, "dry run: nothing was moved"});
  }
  return report;
}

std::vector<Oid> new_tips(const PushIntent& intent) {
  std::vector<Oid> tips;
  for (const ProposedMove& move : intent.moves) {
    if (move.new_oid) tips.push_back(*move.new_oid);
  }
  return tips;
}

}  // namespace

Result<PushReport> PushService::push(const AuthenticatedCaller& caller, const PushIntent& intent,
                                     const std::optional<PackInput>& pack) {
  TRY(caller.require_scope(TokenScope::kWrite));
  if (!caller.identity()) return denied("pushing: the caller has no identity");
  if (!caller.covers(intent.repository)) {
    return denied("pushing to " + intent.repository.str() + ": the token does not cover it");
  }
  Result<PushReport> report = take(caller, intent, pack);
  if (report) return report;
  if (report.error().code == ErrorCode::kInvalidArgument) {
    const Result<> own = require_own_tips(intent.repository);
    if (own) return refuse_objects(caller, intent, report.error());
    report = std::unexpected(own.error());
  }
  const Error& error = report.error();
  if (error.code == ErrorCode::kCorrupt) {
    core_.alarms.raise("object", intent.repository.str(), error.message);
  }
  if (error.code == ErrorCode::kConflict) {
    // "fetch first" and its like are words that other clients look for in the ref's own line.
    return report_for_all(intent, error.message);
  }
  return report;
}

Result<PushReport> PushService::take(const AuthenticatedCaller& caller, const PushIntent& intent,
                                     const std::optional<PackInput>& pack) {
  const RepositoryView before = TRY(view_of(caller, intent.repository));
  const IngestLimits ingest_limits{.thin = before.whole};
  // Unpacking needs no turn: other pushes to this repository go on meanwhile.
  Quarantine quarantine =
      TRY(Quarantine::ingest(core_.repositories, intent.repository, pack, ingest_limits));
  const RepositoryQueue::Turn turn = core_.queue.take(intent.repository);
  TRY(require_complete(caller, intent, quarantine, before.whole));
  const MoveRequest request{.caller = caller,
                            .mover = *caller.identity(),
                            .repository = intent.repository,
                            .moves = intent.moves,
                            .view = quarantine.view(),
                            .quarantine = &quarantine,
                            .dry_run = intent.dry_run};
  const MoveOutcome outcome = TRY(write_path_.move(turn, request));
  if (intent.dry_run) return report_dry_run(intent, outcome);
  return outcome.accepted ? report_accepted(intent, outcome) : report_refused(intent, outcome);
}

/// What the pusher reads. Nothing, for somebody who may not know the repository: their push is
/// refused by policy like any other, and logged.
Result<RepositoryView> PushService::view_of(const AuthenticatedCaller& caller,
                                            const RepositoryName& repository) const {
  Result<RepositoryView> view = access_.view(caller, repository);
  if (!view && view.error().code == ErrorCode::kNotFound)
    return RepositoryView{.repository = repository};
  return view;
}

/// Every object is there; and who does not see the whole repository has sent what the refs that
/// they read do not hold: naming a hidden object must not be a way to read it.
Result<> PushService::require_complete(const AuthenticatedCaller& caller, const PushIntent& intent,
                                       const Quarantine& quarantine, bool sees_all) const {
  const std::vector<Oid> tips = new_tips(intent);
  if (tips.empty()) return {};
  const std::vector<Oid> ledger_tips = TRY(core_.ledger.read().tips(intent.repository));
  TRY(quarantine.require_connected(tips, ledger_tips));
  const RepositoryView view = TRY(view_of(caller, intent.repository));
  if (sees_all && view.whole) return {};
  std::vector<Oid> readable;
  for (const RefState& state : view.refs) readable.push_back(state.content->commit);
  return quarantine.require_brought(tips, readable);
}

/// What the store has lost itself makes good packs look bad.
Result<> PushService::require_own_tips(const RepositoryName& repository) const {
  if (!core_.repositories.exists(repository)) return {};
  const std::vector<Oid> ledger_tips = TRY(core_.ledger.read().tips(repository));
  const Quarantine nothing = TRY(Quarantine::ingest(core_.repositories, repository, std::nullopt));
  return nothing.require_connected({}, ledger_tips);
}

Result<PushReport> PushService::refuse_objects(const AuthenticatedCaller& caller,
                                               const PushIntent& intent, const Error& error) {
  Decision decision;
  decision.fail("store", "objects", escape_for_message(error.message, 1000), error.fix);
  decision.settle();
  PushReport report = report_for_all(intent, "objects refused");
  report.unpack_error = "objects refused";
  report.remote_lines = remote_lines(decision);
  if (intent.dry_run) return report;
  std::vector<RefusedUpdate> updates;
  for (const ProposedMove& move : intent.moves) {
    updates.push_back({move.key, move.old_oid, move.new_oid, decision});
  }
  add_entry_line(report,
                 TRY(refusals_.record(caller, hex_encode(core_.entropy.bytes(16)), updates)));
  return report;
}

}  // namespace statehouse
