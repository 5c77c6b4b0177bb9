#include "api/service/integrity.h"

#include <algorithm>
#include <utility>

#include "api/service/move_audit.h"
#include "crypto/base/encoding.h"
#include "crypto/trust.h"
#include "store/git/closure_check.h"
#include "store/git/ref_files.h"

namespace statehouse {

namespace {

using Severity = IntegrityFinding::Severity;

/// Walks the parts of a store one after the other and collects what is wrong.
class Inspection {
 public:
  Inspection(StateStore& store, RefRepair repair, const IntegrityProgress& progress)
      : store_(store), core_(store.core()), repair_(repair), progress_(progress) {}

  Result<IntegrityReport> run() {
    TRY(part("log", inspect_log()));
    TRY(part("rows", inspect_rows()));
    const auto repositories = core_.ledger.read().readable_repositories();
    if (!repositories) could_not_look("repositories", repositories.error());
    // Also those that a row calls deleted: no entry does, so their refs and objects must be there.
    for (const RepositoryRecord& repository : repositories.value_or(Repositories()).records) {
      ++report_.repositories;
      TRY(part(repository.name.str(), inspect_refs(repository.name)));
      TRY(part(repository.name.str(), inspect_objects(repository.name)));
    }
    TRY(part("statements", inspect_statements()));
    TRY(part("snapshots", inspect_archives()));
    return std::move(report_);
  }

 private:
  using Repositories = FoundRows<RepositoryRecord>;

  [[nodiscard]] Result<> say(const std::string& line) {
    if (!progress_ || stopped_) return stopped_ ? std::unexpected(*stopped_) : Result<>();
    Result<> said = progress_(line);
    if (!said) stopped_ = said.error();
    return said;
  }

  /// One part that could not be looked at keeps no other from being looked at: else one damaged
  /// thing would hide everything else. Only the word to stop ends all.
  Result<> part(const std::string& where, const Result<>& looked) {
    if (stopped_) return std::unexpected(*stopped_);
    if (!looked) could_not_look(where, looked.error());
    return {};
  }

  void could_not_look(const std::string& where, const Error& error) {
    find(Severity::kError, where, "it could not be checked: " + error.message, error.fix);
  }

  void find(Severity severity, std::string where, std::string what, std::string fix) {
    report_.findings.push_back({severity, std::move(where), std::move(what), std::move(fix)});
  }

  Result<> inspect_log() {
    VerifyOptions options{.origin = core_.ledger.origin(), .epoch = core_.ledger.epoch()};
    for (const TrustKey& key : store_.trust().content().log_keys) {
      if (key.epoch == options.epoch) options.log_keys.push_back(key.public_key);
    }
    options.progress = [this](std::uint64_t done, std::uint64_t all) {
      return say("log: " + std::to_string(done) + " of " + std::to_string(all) + " entries")
          .has_value();
    };
    MoveAudit moves(core_, [this](MoveAudit::Weight weight, std::string where, std::string what) {
      const bool is_damage = weight == MoveAudit::Weight::kDamage;
      find(is_damage ? Severity::kError : Severity::kWarning, std::move(where), std::move(what),
           is_damage ? "somebody changed what the store decided by: find out who, and undo the move"
                     : "");
    });
    options.each = [&moves](const ParsedEntry& event, EntryIndex index) {
      moves.see(event, index);
    };
    if (const auto stopped = core_.ledger.health().stopped) {
      find(Severity::kError, "log", stopped->message, stopped->fix);
    }
    const VerifyReport log = TRY(core_.ledger.verify(options));
    report_.entries = log.entries;
    report_.evidence = log.evidence;
    for (const VerifyFinding& finding : log.findings) {
      find(Severity::kError, "log " + finding.what + " " + finding.where, finding.why,
           "restore the ledger from a backup; do not write to this store");
    }
    return {};
  }

  /// Rows that cannot be read: what they name is looked at as little as if they were not there.
  Result<> inspect_rows() {
    const LedgerReader& ledger = core_.ledger.read();
    const auto repositories = TRY(ledger.readable_repositories());
    const auto refs = TRY(ledger.readable_refs());
    const auto outbox = TRY(ledger.outbox());
    for (const auto* damaged : {&repositories.damaged, &refs.damaged, &outbox.damaged}) {
      for (const std::string& row : *damaged) {
        find(Severity::kError, "row", row, "restore the ledger from a backup");
      }
    }
    return {};
  }

  Result<> inspect_refs(const RepositoryName& repository) {
    TRY(say("ref files of " + repository.str()));
    const RepositoryQueue::Turn turn = core_.queue.take(repository);
    const Path path = core_.repositories.path(repository);
    const auto files = list_ref_files(path);
    if (!files) {
      find(Severity::kError, repository.str(), files.error().message,
           "look at the files below refs/ by hand");
      return {};
    }
    const auto snapshot = core_.refs.current();
    std::vector<RefFileUpdate> updates;
    for (const RefState* state : snapshot->of(repository)) {
      ++report_.refs;
      const auto file = files->find(state->key.ref);
      const Oid& expected = state->content->commit;
      if (file != files->end() && file->second == expected) continue;
      const std::string found = file == files->end() ? "is missing" : "says " + file->second.hex();
      differing_ref(state->key.str(), found + ", the ledger says " + expected.hex());
      updates.push_back({state->key.ref, expected});
    }
    for (const auto& [ref, oid] : *files) {
      if (snapshot->find({repository, ref}) != nullptr) continue;
      differing_ref(repository.str() + ":" + ref.str(), "is not in the ledger");
      updates.push_back({ref, std::nullopt});
    }
    if (updates.empty() || repair_ == RefRepair::kReportOnly) return {};
    TRY(write_ref_files(path, updates, core_.steps));
    core_.alarms.clear("ref-file", repository.str());
    return {};
  }

  void differing_ref(std::string where, const std::string& what) {
    const bool repaired = repair_ == RefRepair::kRepair;
    find(repaired ? Severity::kWarning : Severity::kError, std::move(where),
         "ref file " + what + (repaired ? "; repaired" : ""),
         repaired ? "find out who changed it"
                  : "find out who changed it, then run fsck --repair-refs");
  }

  Result<> inspect_objects(const RepositoryName& repository) {
    const auto objects = core_.repositories.open_fresh(repository);  // no cache hides damage
    if (!objects) {
      find(Severity::kError, repository.str(), objects.error().message, "restore it from a backup");
      return {};
    }
    const std::vector<Oid> tips = TRY(core_.ledger.read().tips(repository));
    const ClosureReport closure = TRY(check_closure(**objects, tips, [&](std::uint64_t done) {
      return say("objects of " + repository.str() + ": " + std::to_string(done));
    }));
    report_.objects += closure.objects;
    for (const ObjectProblem& problem : closure.problems) {
      find(Severity::kError, repository.str() + " " + problem.oid.hex(), problem.message,
           "restore the object from a backup or a clone");
      block_refs_at(repository, problem.tips);
    }
    return {};
  }

  /// What cannot be served whole is not served at all.
  void block_refs_at(const RepositoryName& repository, const std::vector<Oid>& tips) {
    const auto snapshot = core_.refs.current();
    for (const RefState* state : snapshot->of(repository)) {
      if (std::ranges::find(tips, state->content->commit) == tips.end()) continue;
      core_.alarms.raise("object", state->key.str(), "objects are damaged; the ref is not served");
      core_.alarms.block(state->key);
    }
  }

  Result<> inspect_archives() {
    TRY(say("checking snapshots"));
    const ArchiveCache::Checked archives = TRY(store_.archives().check_all());
    report_.snapshots = archives.files;
    for (const std::string& strange : archives.strange) {
      find(Severity::kError, "snapshots", escape_for_message(strange, 300),
           "find out who put it there, and remove it");
    }
    if (archives.removed > 0) {
      find(Severity::kWarning, "snapshots",
           std::to_string(archives.removed) + " cached archives were damaged and removed",
           "none needed: they are built again");
    }
    return {};
  }

  Result<> inspect_statements() {
    const auto states = TRY(core_.ledger.read().readable_refs());
    for (const RefState& state : states.records) {
      TRY(say("statements of " + state.key.str()));
      std::optional<std::string> previous;
      // As many as there are rows: the number in the ref's own row may be any.
      for (VersionNumber number = 1;; ++number) {
        const auto version = core_.ledger.read().version(state.key, number);
        if (version && !*version) break;
        const Result<> sound =
            version ? inspect_statement(**version, previous) : std::unexpected(version.error());
        if (!sound) {
          find(Severity::kError, state.key.str() + "@" + std::to_string(number),
               sound.error().message, "restore the ledger from a backup");
        }
        if (!version) break;
      }
    }
    return {};
  }

  /// What was signed is what the row of the version says, which was held against the log.
  /// `previous` becomes the digest of this statement.
  Result<> inspect_statement(const VersionRecord& version, std::optional<std::string>& previous) {
    const auto statement = TRY(core_.ledger.read().statement(version.key, version.version));
    if (!statement) return {};
    const std::optional<std::string> before =
        std::exchange(previous, std::optional(statement->payload_digest));
    const VersionStatement stated =
        TRY(open_version_statement(statement->envelope, store_.trust()));
    if (!version.content) return corrupt("it deletes the ref, and a statement says otherwise");
    VersionStatement expected = version_statement(
        core_, version, {statement->archive_digest, statement->archive_bytes}, before);
    expected.epoch = stated.epoch;  // that of its key
    if (stated == expected) return {};
    return corrupt("its statement says something else than the log");
  }

  StateStore& store_;
  Core& core_;
  RefRepair repair_;
  const IntegrityProgress& progress_;
  std::optional<Error> stopped_;  ///< what `progress_` said when it told us to stop
  IntegrityReport report_;
};

}  // namespace

bool IntegrityReport::ok() const {
  return std::ranges::none_of(findings, [](const IntegrityFinding& finding) {
    return finding.severity == Severity::kError;
  });
}

Result<IntegrityReport> check_integrity(StateStore& store, RefRepair repair,
                                        const IntegrityProgress& progress) {
  return Inspection(store, repair, progress).run();
}

}  // namespace statehouse
