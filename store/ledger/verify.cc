#include "store/ledger/verify.h"

#include <algorithm>
#include <map>
#include <set>

#include "crypto/base/json.h"
#include "crypto/checkpoint.h"
#include "crypto/tile.h"
#include "store/ledger/connection.h"
#include "store/ledger/event.h"
#include "store/ledger/rows.h"
#include "store/ledger/verify_rows.h"
#include "store/ledger/verify_run.h"

namespace statehouse {

namespace {

constexpr std::uint64_t kEntriesPerStep = 256;

/// One verification. Every method adds findings; an error means that it could not look.
class Verification {
 public:
  Verification(LedgerConnection& connection, const VerifyOptions& options)
      : database_(connection.database),
        statements_(connection.statements),
        options_(options),
        rows_(connection, [this](std::string what, std::string where, std::string why) {
          find(std::move(what), std::move(where), std::move(why));
        }) {}

  Result<VerifyReport> run() {
    TRY(check_file());
    TRY(make_log_keys());
    const auto count = TRY(statements_.entry_count.one(read_count));
    report_.entries = count.value_or(0);
    TRY(load_checkpoints());
    for (EntryIndex first = 0; first < report_.entries && report_.complete;
         first += kEntriesPerStep) {
      TRY(check_entries(first, std::min(first + kEntriesPerStep, report_.entries)));
    }
    if (!report_.complete) return std::move(report_);
    report_.tree_size = frontier_.size();
    report_.root = frontier_.root();
    TRY(check_tiles_at_the_end());
    TRY(check_newest_checkpoint());
    TRY(check_repositories());
    TRY(check_refs());
    TRY(rows_.finish());
    TRY(rows_.compare_count("version", "versions", report_.versions));
    TRY(rows_.compare_count("verdict", "verdicts", verdicts_));
    TRY(rows_.compare_count("evidence", "evidence", report_.evidence));
    TRY(check_erasures());
    return std::move(report_);
  }

 private:
  void find(std::string what, std::string where, std::string why) {
    if (report_.findings.size() >= options_.findings_max) {
      report_.complete = false;
      return;
    }
    report_.findings.push_back({std::move(what), std::move(where), std::move(why)});
  }

  Result<> check_file() {
    const std::string verdict = TRY(database_.text("PRAGMA integrity_check(1)"));
    if (verdict != "ok") find("database", "ledger", verdict);
    for (const auto& [name, expected] :
         {std::pair{"origin", options_.origin}, {"epoch", std::to_string(options_.epoch)}}) {
      const auto value = TRY(statements_.meta.one(read_text, name));
      if (value != expected) find("meta", name, "it is not that of the trust document");
    }
    return {};
  }

  Result<> make_log_keys() {
    for (const Ed25519PublicKey& key : options_.log_keys) {
      log_keys_.push_back(TRY(NoteKey::create(options_.origin, NoteKeyType::kEd25519, key)));
    }
    return {};
  }

  Result<> load_checkpoints() {
    Statement all = TRY(Statement::prepare(
        database_, "SELECT size, note FROM checkpoints WHERE size >= ?1 ORDER BY size LIMIT 1024"));
    next_checkpoints_ = std::move(all);
    return refill_checkpoints(0);
  }

  Result<> refill_checkpoints(std::uint64_t from) {
    checkpoints_.clear();
    for (EntryRecord& row : TRY(next_checkpoints_.all(read_entry, from))) {
      checkpoints_.emplace(row.index, std::move(row.bytes));
    }
    return check_checkpoint_here();
  }

  /// Holds the checkpoint at the size reached so far, if there is one, against the tree.
  Result<> check_checkpoint_here() {
    if (checkpoints_.empty() || checkpoints_.begin()->first > frontier_.size()) return {};
    const auto node = checkpoints_.extract(checkpoints_.begin());
    const std::string where = std::to_string(node.key());
    const auto opened = open_checkpoint(node.mapped(), options_.origin, log_keys_);
    if (!opened) {
      find("checkpoint", where, opened.error().message);
    } else if (opened->size() != node.key()) {
      find("checkpoint", where, "it is of size " + std::to_string(opened->size()));
    } else if (opened->root() != frontier_.root()) {
      find("checkpoint", where, "the entries do not hash to its root");
    }
    if (checkpoints_.empty()) return refill_checkpoints(node.key() + 1);
    return {};
  }

  Result<> check_entries(EntryIndex first, EntryIndex end) {
    if (options_.progress && !options_.progress(first, report_.entries)) {
      report_.complete = false;
      return {};
    }
    const auto rows = TRY(statements_.entry_range.all(read_entry, first, end));
    auto row = rows.begin();
    for (EntryIndex index = first; index < end; ++index) {
      if (row == rows.end() || row->index != index) {
        find("entry", std::to_string(index), "it is missing");
        report_.complete = false;  // the tree beyond it cannot be derived
        return {};
      }
      TRY(check_entry(*row++));
    }
    return {};
  }

  Result<> check_entry(const EntryRecord& row) {
    frontier_.append(merkle_leaf_hash(row.bytes),
                     [&](MerklePosition position, const MerkleHash& hash) {
                       if (position.level % 8 == 0) growing_[position.level / 8] += hash.bytes();
                     });
    TRY(check_full_tiles());
    TRY(check_checkpoint_here());
    const std::string where = std::to_string(row.index);
    const auto parsed = parse_entry(row.bytes);
    if (!parsed) {
      find("entry", where, parsed.error().message);
      return {};
    }
    if (parsed->id != std::to_string(parsed->epoch) + "-" + where ||
        parsed->epoch != options_.epoch || parsed->source != options_.origin) {
      find("entry", where, "its id, epoch or source is not its place in this log");
    }
    if (parsed->time < last_time_) find("entry", where, "it is older than the one before it");
    last_time_ = std::max(last_time_, parsed->time);
    TRY(check_evidence(*parsed, row.index));
    return check_effect(*parsed, row.index);
  }

  /// Holds the rows that an event must have left against the event.
  Result<> check_effect(const ParsedEntry& event, EntryIndex index) {
    if (event.type == EventType::kRefUpdated) TRY(check_ref_updated(event, index));
    if (event.type == EventType::kEvidenceErased) note_erasure(event);
    if (options_.each) options_.each(event, index);
    return rows_.compare(event, index);
  }

  /// Compares tiles that the last entry filled, and starts their successors.
  Result<> check_full_tiles() {
    for (auto& [level, hashes] : growing_) {
      if (hashes.size() < kTileWidth * MerkleHash::kBytes) break;
      TRY(check_tile(level, tiles_done_[level]++, hashes));
      hashes.clear();
    }
    return {};
  }

  Result<> check_tile(unsigned level, std::uint64_t n, const std::string& expected) {
    const auto stored = TRY(statements_.tile.one(read_text, level, n));
    ++tiles_seen_;
    if (stored == expected) return {};
    find("tile", std::to_string(level) + "/" + std::to_string(n),
         stored ? "its hashes are not those of the entries" : "it is missing");
    return {};
  }

  Result<> check_tiles_at_the_end() {
    for (const auto& [level, hashes] : growing_) {
      if (!hashes.empty()) TRY(check_tile(level, tiles_done_[level], hashes));
    }
    const std::int64_t stored = TRY(database_.integer("SELECT count(*) FROM tiles"));
    if (static_cast<std::uint64_t>(stored) > tiles_seen_) {
      find("tile", "all", "there are more tiles than the entries make");
    }
    return {};
  }

  Result<> check_newest_checkpoint() {
    const auto newest = TRY(statements_.newest_checkpoint.one(read_entry));
    if (!newest) {
      find("checkpoint", "newest", "there is none");
      return {};
    }
    report_.checkpoint_note = newest->bytes;
    if (newest->index != report_.entries) {
      find("checkpoint", std::to_string(newest->index),
           "the newest does not cover all " + std::to_string(report_.entries) + " entries");
    }
    return {};
  }

  Result<> check_evidence(const ParsedEntry& entry, EntryIndex index) {
    const Json& stated = entry.data.at("evidence");
    for (std::size_t i = 0; i < entry.evidence_digests.size(); ++i) {
      const std::string& digest = entry.evidence_digests[i];
      ++report_.evidence;
      const auto found = statements_.evidence.one(read_evidence, digest);
      if (!found && found.error().code != ErrorCode::kCorrupt) {
        return std::unexpected(found.error());
      }
      if (!found) {
        find("evidence", digest, "its bytes do not match");
        continue;
      }
      if (!*found || (*found)->entry != index) {
        find("evidence", digest, "entry " + std::to_string(index) + " names it; it is missing");
        continue;
      }
      if (json_string(stated[i], "name") != (*found)->name ||
          json_string(stated[i], "mediaType") != (*found)->media_type) {
        find("evidence", digest,
             "its name or media type is not what entry " + std::to_string(index) + " says");
      }
      if ((*found)->content) continue;
      ++report_.evidence_erased;
      blanked_.insert(digest);
    }
    return check_evidence_order(entry, index);
  }

  Result<> check_evidence_order(const ParsedEntry& entry, EntryIndex index) {
    if (entry.evidence_digests.size() < 2) return {};
    const auto stored = TRY(statements_.evidence_digests_of_entry.all(read_text, index));
    if (stored != entry.evidence_digests) {
      find("evidence", "entry " + std::to_string(index), "it is not in the order of the entry");
    }
    return {};
  }

  void note_erasure(const ParsedEntry& entry) {
    const auto digest = json_string(entry.data, "digest");
    if (digest) erased_.insert(*digest);
  }

  Result<> check_erasures() {
    for (const std::string& digest : blanked_) {
      if (!erased_.contains(digest)) {
        find("evidence", digest, "its bytes are gone and no entry says that they were erased");
      }
    }
    return {};
  }

  Result<> check_ref_updated(const ParsedEntry& entry, EntryIndex index) {
    ++report_.versions;
    const auto stated = parse_ref_updated(entry, index);
    if (!stated) {
      find("version", "entry " + std::to_string(index), stated.error().message);
      return {};
    }
    const std::string where = stated->key.str() + "@" + std::to_string(stated->version);
    const auto row = statements_.version.one(read_version, stated->key.repository.str(),
                                             stated->key.ref.str(), stated->version);
    if (!row || !*row) {
      find("version", where, row ? "it is missing" : row.error().message);
    } else if (**row != *stated) {
      find("version", where, "it is not what entry " + std::to_string(index) + " says");
    }
    TRY(check_verdicts(entry, index, where));
    replay(*stated, where);
    return {};
  }

  Result<> check_verdicts(const ParsedEntry& entry, EntryIndex index, const std::string& where) {
    const std::vector<CommitVerdictRecord> rows =
        TRY(statements_.verdicts_of_entry.all(read_verdict, index));
    verdicts_ += rows.size();
    const auto stated = stated_verdicts_digest(entry);
    if (!stated || *stated != verdicts_digest(rows)) {
      find("verdict", where, "the verdicts on its commits are not those that its entry binds");
    }
    return {};
  }

  void replay(const VersionRecord& stated, const std::string& where) {
    const auto before = refs_.find(stated.key);
    std::optional<PreviousVersion> previous;
    if (before != refs_.end()) {
      previous = PreviousVersion{before->second.version, std::nullopt};
      if (before->second.content) previous->commit = before->second.content->commit;
    }
    if (stated.previous != previous || stated.version != (previous ? previous->version : 0) + 1) {
      find("version", where, "it does not follow the one before it");
    }
    refs_.insert_or_assign(stated.key,
                           RefState{stated.key, stated.version, stated.content, stated.entry});
  }

  Result<> check_refs() {
    const auto stored = statements_.refs.all(read_ref_state);
    if (!stored) {
      find("ref", "all", stored.error().message);
      return {};
    }
    for (const RefState& state : *stored) {
      const auto replayed = refs_.find(state.key);
      if (replayed == refs_.end()) {
        find("ref", state.key.str(), "no entry says that it exists");
        continue;
      }
      if (replayed->second != state) {
        find("ref", state.key.str(), "it does not stand where the entries say");
      }
      refs_.erase(replayed);
    }
    for (const auto& [key, state] : refs_) find("ref", key.str(), "it is missing");
    return {};
  }

  /// No entry deletes a repository, and every ref is in one.
  Result<> check_repositories() {
    std::set<std::string> needed;
    for (const auto& [key, state] : refs_) needed.insert(key.repository.str());
    const auto stored = statements_.repositories.all(read_repository);
    if (!stored) {
      find("repository", "all", stored.error().message);
      return {};
    }
    for (const RepositoryRecord& repository : *stored) {
      needed.erase(repository.name.str());
      if (!repository.deleted) continue;
      find("repository", repository.name.str(), "it is marked as deleted, and no entry says so");
    }
    for (const std::string& name : needed) {
      find("repository", name, "refs are in it, and its row is missing");
    }
    return {};
  }

  Database& database_;
  Statements& statements_;
  const VerifyOptions& options_;
  RowComparison rows_;
  VerifyReport report_;
  std::vector<NoteKey> log_keys_;

  MerkleFrontier frontier_;
  std::map<unsigned, std::string> growing_;  // by level: the tile being filled
  std::map<unsigned, std::uint64_t> tiles_done_;
  std::uint64_t tiles_seen_ = 0;
  Statement next_checkpoints_;
  std::map<std::uint64_t, std::string> checkpoints_;  // the next few, by size

  Timestamp last_time_;
  std::map<RefKey, RefState> refs_;  // as replayed
  std::uint64_t verdicts_ = 0;       // bound by the entries seen so far
  std::set<std::string> blanked_;
  std::set<std::string> erased_;
};

}  // namespace

Result<VerifyReport> verify_connection(LedgerConnection& connection, const VerifyOptions& options) {
  TRY(connection.statements.begin_read.run());
  auto report = Verification(connection, options).run();
  TRY(connection.statements.end_read.run());
  return report;
}

Result<VerifyReport> verify_ledger_file(const Path& path, const VerifyOptions& options) {
  const auto connection = TRY(LedgerConnection::open_reader(path));
  return verify_connection(*connection, options);
}

}  // namespace statehouse
