#include "store/ledger/start_check.h"

#include <algorithm>
#include <map>

#include "crypto/base/limits.h"
#include "crypto/checkpoint.h"
#include "crypto/tile.h"
#include "store/ledger/connection.h"
#include "store/ledger/event.h"
#include "store/ledger/high_water.h"
#include "store/ledger/rows.h"

namespace statehouse {

namespace {

/// The checks, one method each; a check that fails adds a problem and the next one still runs.
class StartCheck {
 public:
  StartCheck(Statements& statements, const std::string& origin, const NoteKey& log_key)
      : statements_(statements), origin_(origin), log_key_(log_key) {}

  Result<StartReport> run(const Path& high_water_path) {
    const auto count = TRY(statements_.entry_count.one(read_count));
    size_ = count.value_or(0);
    const bool tree_loaded = load_tree();
    check_newest_checkpoint(tree_loaded);
    check_rows_that_drive();
    if (tree_loaded) {
      check_tail();
      check_refs();
      check_high_water(high_water_path);
    }
    return std::move(report_);
  }

 private:
  void problem(std::string text) { report_.problems.push_back(std::move(text)); }

  bool load_tree() {
    Result<LogTree> tree = LogTree::load(size_, statements_);
    if (!tree) {
      problem(tree.error().message);
      return false;
    }
    report_.tree = *std::move(tree);
    return true;
  }

  void check_newest_checkpoint(bool tree_loaded) {
    const auto row = statements_.newest_checkpoint.one(read_entry);
    if (!row || !*row) return problem("there is no checkpoint");
    const std::string& note = (*row)->bytes;
    const auto opened = open_checkpoint(note, origin_, {log_key_});
    if (!opened) return problem("the newest checkpoint: " + opened.error().message);
    if (opened->size() != size_ || (*row)->index != size_) {
      return problem("the newest checkpoint is for " + std::to_string(opened->size()) +
                     " entries; there are " + std::to_string(size_));
    }
    if (!tree_loaded) return;
    if (opened->root() != report_.tree.root()) {
      return problem("the tiles do not hash to the newest checkpoint");
    }
    report_.newest = {opened->size(), opened->root(), note};
  }

  void check_tail() {
    const EntryIndex first = size_ - std::min(size_, kStartTailEntries);
    const auto entries = statements_.entry_range.all(read_entry, first, size_);
    if (!entries) return problem(entries.error().message);
    if (entries->size() != size_ - first) return problem("entries are missing at the end");
    for (const EntryRecord& entry : *entries) {
      const auto leaf = leaf_at(entry.index);
      if (!leaf || *leaf != merkle_leaf_hash(entry.bytes)) {
        problem("entry " + std::to_string(entry.index) + " does not hash to its leaf");
        continue;
      }
      const auto event = parse_entry(entry.bytes);
      const auto moved = event ? parse_ref_updated(*event, entry.index)
                               : Result<VersionRecord>(std::unexpected(event.error()));
      if (moved) newest_moves_.insert_or_assign(moved->key, entry.index);
    }
    if (entries->empty()) return;
    const auto last = parse_entry(entries->back().bytes);
    if (!last) return problem("the last entry: " + last.error().message);
    report_.last_entry_time = last->time;
  }

  /// What the store does by itself follows these: with one that cannot be read it does nothing.
  void check_rows_that_drive() {
    check_readable(found_rows(statements_.repositories, read_repository));
    check_readable(found_rows(statements_.outbox, read_outbox));
  }

  template <typename Record>
  void check_readable(const Result<FoundRows<Record>>& found) {
    if (!found) return problem(found.error().message);
    for (const std::string& damaged : found->damaged) problem(damaged);
  }

  void check_refs() {
    const auto refs = found_rows(statements_.refs, read_ref_state);
    check_readable(refs);
    if (!refs) return;
    for (const RefState& state : refs->records) {
      const auto leaf = leaf_at(state.entry);
      const Result<> good =
          leaf ? check_ref_state(state, statements_, *leaf) : std::unexpected(leaf.error());
      if (!good) problem("the ref " + state.key.str() + ": " + good.error().message);
      const auto newest = newest_moves_.extract(state.key);
      if (!newest.empty() && newest.mapped() != state.entry) {
        problem("the ref " + state.key.str() + ": entry " + std::to_string(newest.mapped()) +
                " moved it later than it says");
      }
    }
    for (const auto& [key, entry] : newest_moves_) {
      problem("the ref " + key.str() + ": entry " + std::to_string(entry) +
              " moved it, and its row is missing");
    }
  }

  void check_high_water(const Path& path) {
    const auto slots = HighWaterFile::read(path);
    if (!slots) return problem("the high-water file: " + slots.error().message);
    const auto opened = newest_slot(*slots);
    if (!opened) return problem("the high-water file: " + opened.error().message);
    if (opened->size() > size_) {
      return problem("this ledger is an older copy: it has " + std::to_string(size_) +
                     " entries, and a checkpoint of " + std::to_string(opened->size()) +
                     " was signed");
    }
    StoredTileReader tiles(statements_);
    TileHashReader hashes(size_, tiles);
    const auto root = merkle_root(opened->size(), hashes);
    if (!root || *root != opened->root()) {
      return problem("this ledger does not contain the checkpoint in the high-water file");
    }
    report_.high_water_is_old = opened->size() < size_;
  }

  /// A slot that does not open was being written when the power went, or never yet.
  Result<VerifiedCheckpoint> newest_slot(const HighWaterFile::Slots& slots) {
    Result<VerifiedCheckpoint> newest = open_checkpoint(slots[0], origin_, {log_key_});
    Result<VerifiedCheckpoint> other = open_checkpoint(slots[1], origin_, {log_key_});
    if (!other || (newest && newest->size() >= other->size())) return newest;
    report_.high_water_slot = 1;
    return other;
  }

  Result<MerkleHash> leaf_at(EntryIndex index) {
    // One tile at a time: neighbours ask one after the other.
    const std::uint64_t n = index / kTileWidth;
    if (!leaf_tile_ || leaf_tile_n_ != n) {
      const unsigned width = tile_width(0, n, size_);
      if (width == 0) return corrupt("there is no entry " + std::to_string(index));
      StoredTileReader tiles(statements_);
      const std::string bytes = TRY(tiles.read_tile({.index = n, .width = width}));
      leaf_tile_ = TRY(parse_hash_tile(bytes, width));
      leaf_tile_n_ = n;
    }
    const std::uint64_t offset = index % kTileWidth;
    if (offset >= leaf_tile_->size()) return corrupt("there is no entry " + std::to_string(index));
    return (*leaf_tile_)[offset];
  }

  Statements& statements_;
  const std::string& origin_;
  const NoteKey& log_key_;
  std::uint64_t size_ = 0;
  std::optional<std::vector<MerkleHash>> leaf_tile_;
  std::uint64_t leaf_tile_n_ = 0;
  std::map<RefKey, EntryIndex> newest_moves_;  // of those in the tail
  StartReport report_;
};

}  // namespace

Result<StartReport> check_at_start(Statements& statements, const std::string& origin,
                                   const NoteKey& log_key, const Path& high_water_path) {
  return StartCheck(statements, origin, log_key).run(high_water_path);
}

Result<> check_ref_state(const RefState& state, Statements& statements,
                         const MerkleHash& leaf_hash) {
  const auto entry = TRY(statements.entry.one(read_entry, state.entry));
  if (!entry || merkle_leaf_hash(entry->bytes) != leaf_hash) {
    return corrupt("its entry does not hash to its leaf");
  }
  const ParsedEntry event = TRY(parse_entry(entry->bytes));
  const auto stated = parse_ref_updated(event, state.entry);
  if (!stated || stated->key != state.key || stated->version != state.version ||
      stated->content != state.content) {
    return corrupt("its entry says something else");
  }
  const auto newest = TRY(statements.newest_version_number.one(
      read_count, state.key.repository.str(), state.key.ref.str()));
  if (newest.value_or(0) != state.version) return corrupt("it is not at its newest version");
  const auto version = TRY(statements.version.one(read_version, state.key.repository.str(),
                                                  state.key.ref.str(), state.version));
  if (version == *stated) return {};
  return corrupt("the row of its newest version is not what its entry says");
}

}  // namespace statehouse
