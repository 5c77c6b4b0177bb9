#include <algorithm>
#include <memory>
#include <ostream>

#include "cli/clone.h"
#include "cli/command_line.h"
#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/snapshot_source.h"
#include "cli/sync_target.h"
#include "crypto/base/encoding.h"
#include "crypto/base/subprocess.h"

namespace statehouse {
namespace {

constexpr std::size_t kOtherTreesKept = 2;  // besides the current one: three in all
constexpr Milliseconds kIntervalMin = std::chrono::seconds(1);

struct SyncOptions {
  std::optional<std::string> repository;
  std::string ref;
  std::string trust;
  std::string into;
  std::string exec;
  std::string exec_timeout = "10m";
  bool once = false;
  std::string interval = "30s";
};

/// What does not change from round to round.
struct SyncPlan {
  RefKey key;
  TrustDocument trust;
  SyncTarget target;
  Path into;
  std::vector<std::string> exec;  ///< empty: none
  Milliseconds exec_time_max;
  Milliseconds interval;
};

/// What was seen. Errors: kConflict when the folder follows something else; kInvalidArgument when
/// the memory of a folder in use is damaged or gone: without it an older version would be taken in.
Result<LastSeen> load_seen(const SyncTarget& target, const RefKey& key,
                           const TrustDocument& trust) {
  const std::string anew = "remove the folder and " + target.versions().filename().string() +
                           " to start anew, trusting the first answer";
  const std::string state = escape_for_message(target.state_file().string());
  auto loaded = LastSeen::load(target.state_file());
  if (!loaded) {
    loaded.error().fix = "it guards against going back: restore it from a backup, or " + anew;
    return loaded;
  }
  const bool other_store = !loaded->origin.empty() && loaded->origin != trust.origin();
  if (other_store || (!loaded->refs.empty() && !loaded->refs.contains(key))) {
    const std::string followed = loaded->refs.empty() ? "a ref" : loaded->refs.begin()->first.str();
    return conflict("using the folder: " + state + " follows " + followed + " of " +
                        escape_for_message(loaded->origin) + ", not " + key.str() + " of " +
                        trust.origin(),
                    "give --into another folder, or " + anew);
  }
  if (target.was_swapped() && loaded->refs.empty()) {
    return invalid_argument(
        "using the folder: it is in use, but " + state + " does not say what was seen",
        "it guards against going back: restore it from a backup, or " + anew);
  }
  return loaded;
}

Result<SyncPlan> make_plan(Session& session, const SyncOptions& options) {
  RefKey key = TRY(session.ref_key(options.repository, options.ref));
  TrustDocument trust = TRY(load_trust(session, options.trust));
  std::vector<std::string> exec;
  if (!options.exec.empty()) exec = TRY_WITH("reading --exec", split_command_line(options.exec));
  const Milliseconds exec_time_max =
      TRY_WITH("reading --exec-timeout", parse_duration(options.exec_timeout));
  const Milliseconds interval = TRY_WITH("reading --interval", parse_duration(options.interval));
  const Path into = session.path(options.into);
  SyncTarget target = TRY(SyncTarget::open(into, session.environment().steps));
  TRY(load_seen(target, key, trust));
  return SyncPlan{std::move(key),
                  std::move(trust),
                  std::move(target),
                  into,
                  std::move(exec),
                  exec_time_max,
                  std::max(interval, kIntervalMin)};
}

/// The user's environment without our secrets, and what the command is to know.
EnvironmentList exec_environment(const Environment& environment, const SyncPlan& plan,
                                 const LastSeen::Ref& seen) {
  EnvironmentList list;
  for (const auto& [name, value] : user_environment(environment)) {
    if (!name.starts_with("STATEHOUSE_")) list.emplace_back(name, value);
  }
  for (const auto& [name, value] : EnvironmentList{{"REPOSITORY", plan.key.repository.str()},
                                                   {"REF", plan.key.ref.str()},
                                                   {"VERSION", std::to_string(seen.version)},
                                                   {"COMMIT", seen.commit},
                                                   {"TREE", seen.tree},
                                                   {"PATH", plan.into.string()}}) {
    list.emplace_back("STATEHOUSE_" + name, value);
  }
  return list;
}

/// Runs --exec for the tree that is pending, if any. It stays pending until it succeeds.
Result<> run_pending_exec(Session& session, SyncPlan& plan) {
  if (plan.exec.empty() || session.environment().is_stopping()) return {};
  const auto pending = TRY(plan.target.pending_exec());
  const auto current = TRY(plan.target.current());
  if (!pending || pending != current) return {};
  const LastSeen state = TRY(LastSeen::load(plan.target.state_file()));
  const auto seen = state.refs.find(plan.key);
  if (seen == state.refs.end()) return {};
  SubprocessOptions options;
  options.arguments = plan.exec;
  options.environment = exec_environment(session.environment(), plan, seen->second);
  options.working_directory = session.environment().working_directory;
  options.time_max = plan.exec_time_max;
  std::ostream& err = session.environment().err;
  const SubprocessResult result = TRY_WITH(
      "running --exec", run_subprocess(options, [&err](std::string_view bytes) -> Result<> {
        err << bytes;
        return {};
      }));
  err << result.stderr_bytes << std::flush;
  if (result.succeeded()) return plan.target.clear_pending_exec();
  return unavailable(
      "running --exec: it " + (result.timed_out
                                   ? std::string("took too long")
                                   : "failed with exit code " + std::to_string(result.exit_code)),
      "the new tree is in place; the command is run again in the next round");
}

/// Downloads and unpacks the tree of `snapshot`.
Result<> bring_tree(const Session& session, ApiClient& client, SyncPlan& plan,
                    const VerifiedSnapshot& snapshot, const std::string& name) {
  const TemporaryDirectory incoming = TRY(plan.target.create_incoming());
  const Path archive = incoming.path() / "archive.tar";
  const Path tree = incoming.path() / "tree";
  TRY(make_directories(tree));
  TRY(download_archive(client, snapshot, archive, session.environment().is_stopping));
  TRY(unpack_archive(snapshot, archive, tree));
  return plan.target.keep(tree, name);
}

std::string describe_sync(const Json& document) {
  const std::string version = " version " + shown(document, "version");
  return shown(document, "repository") + " " + shown(document, "ref") +
         (document["changed"] == true ? version + " is in place"
                                      : " is at" + version + " already") +
         " (commit " + short_oid(document, "commit") + ")\n";
}

/// Whether a round is the only one: then it prints where the folder stands in any case.
enum class Rounds { kOne, kMany };
enum class Change { kSwapped, kNone };

void print_sync(Session& session, const SyncPlan& plan, const VerifiedSnapshot& snapshot,
                Change change) {
  Json document = snapshot_document(snapshot);
  document["path"] = plan.into.string();
  document["changed"] = change == Change::kSwapped;
  session.print(document, describe_sync,
                [](const Json& synced) { return shown(synced, "version"); });
  session.environment().out.flush();
}

/// One round: verify, and if there is something new, swap it in. The order makes every crash
/// harmless: the new tree is durable, then what was seen, then the pending command, then the swap.
Result<> sync_round(Session& session, SyncPlan& plan, Rounds rounds) {
  const LastSeen last = TRY(load_seen(plan.target, plan.key, plan.trust));
  ApiClient client = TRY(session.connect());
  SnapshotQuestion question;
  question.repository = plan.key.repository;
  question.ref = plan.key.ref;
  question.now = session.environment().clock.now();
  const FetchedSnapshot fetched = TRY(fetch_snapshot(client, plan.trust, question, last));
  const VersionStatement& statement = fetched.verified.statement();
  const std::string name = sync_tree_name(statement.version, statement.tree);
  const auto current = TRY(plan.target.current());
  if (current != name) TRY(bring_tree(session, client, plan, fetched.verified, name));
  if (fetched.verified.seen() != last) {
    TRY(fetched.verified.seen().save(plan.target.state_file(), session.environment().steps));
  }
  if (current != name) {
    if (!plan.exec.empty()) TRY(plan.target.set_pending_exec(name));
    TRY(plan.target.swap(name));
    print_sync(session, plan, fetched.verified, Change::kSwapped);
    TRY(plan.target.prune(kOtherTreesKept));
  } else if (rounds == Rounds::kOne) {
    print_sync(session, plan, fetched.verified, Change::kNone);
  }
  return run_pending_exec(session, plan);
}

/// The interval, a tenth more or less, so that a fleet does not ask all at once.
Milliseconds with_jitter(Milliseconds interval, const Entropy& entropy) {
  constexpr std::int64_t kSteps = 256;
  const std::string byte = entropy.bytes(1);
  const std::int64_t spread = interval.count() / 5;
  const std::int64_t step = static_cast<unsigned char>(byte[0]);
  return Milliseconds(interval.count() - spread / 2 + spread * step / kSteps);
}

Result<> run_sync(Session& session, const SyncOptions& options) {
  const Environment& environment = session.environment();
  if (!options.once) environment.hold_stops();
  SyncPlan plan = TRY(make_plan(session, options));
  std::string last_complaint;
  const Rounds rounds = options.once ? Rounds::kOne : Rounds::kMany;
  for (;;) {
    auto round = sync_round(session, plan, rounds);
    if (options.once) return round;
    if (environment.is_stopping()) return {};
    const std::string complaint = round ? "" : round.error().message;
    // Said once, not every round: a log that repeats itself hides what is new.
    if (complaint != last_complaint) {
      environment.err << (round ? "statehouse: syncing: in order again"
                                : "statehouse: syncing: " + complaint)
                      << "\n"
                      << std::flush;
      last_complaint = complaint;
    }
    if (!environment.wait(with_jitter(plan.interval, environment.entropy))) return {};
  }
}

}  // namespace

void add_sync_command(CommandSet& commands) {
  auto options = std::make_shared<SyncOptions>();
  commands.add("sync", "Keep a folder at the newest verified version of a ref")
      .option("-R,--repository", options->repository, "The repository (else the clone's)")
      .option("--ref", options->ref, "The ref, in full or short", Presence::kRequired)
      .option("--trust", options->trust, "The pinned trust document", Presence::kRequired)
      .option("--into", options->into, "The folder: a link that is swapped", Presence::kRequired)
      .option("--exec", options->exec, "Command to run after each swap, until it succeeds")
      .option("--exec-timeout", options->exec_timeout, "How long it may take")
      .flag("--once", options->once,
            "One round, then exit: 7 when stale or unavailable, 4 when "
            "not verified")
      .option("--interval", options->interval, "Time between rounds, give or take a tenth")
      .notes(
          "DIR is a symbolic link into DIR.versions/, which keeps the last three trees and what "
          "was seen; it follows one ref. Whatever fails, DIR goes on showing the last verified "
          "tree. The command is split "
          "into words with quotes as in a shell, but runs without one: for pipes and variables "
          "write: --exec \"sh -c '…'\". Its environment has STATEHOUSE_REPOSITORY, _REF, _VERSION, "
          "_COMMIT, _TREE and _PATH, and no token. SIGTERM and SIGINT end a download, let a "
          "running "
          "command finish, and exit 0; the second one ends it at once. Each swap is printed, as a "
          "document with `changed`: true for programs; --once prints one in any case, with "
          "`changed`: false when the folder was at the newest version already.")
      .action("syncing", [options](Session& session) { return run_sync(session, *options); });
}

}  // namespace statehouse
