// The half of LedgerReader that serves the log: entries, tiles, checkpoints, proofs, evidence.

#include <algorithm>

#include "crypto/base/limits.h"
#include "crypto/checkpoint.h"
#include "crypto/sha256.h"
#include "crypto/tile.h"
#include "store/ledger/connection.h"
#include "store/ledger/reader.h"
#include "store/ledger/rows.h"

namespace statehouse {

namespace {

constexpr std::size_t kEntriesPerReadMax = 1024;

Result<MerkleHash> stored_leaf(Statements& statements, EntryIndex index, std::uint64_t size) {
  const std::uint64_t n = index / kTileWidth;
  StoredTileReader tiles(statements);
  const unsigned width = tile_width(0, n, size);
  const std::string bytes = TRY(tiles.read_tile({.index = n, .width = width}));
  return MerkleHash::from_bytes(std::string_view(bytes).substr(
      (index % kTileWidth) * MerkleHash::kBytes, MerkleHash::kBytes));
}

/// Entries [first, end), each checked against its leaf.
Result<std::vector<EntryRecord>> checked_entries(Statements& statements, EntryIndex first,
                                                 EntryIndex end, std::uint64_t size) {
  auto entries = TRY(statements.entry_range.all(read_entry, first, end));
  if (entries.size() != end - first) return corrupt("reading the log: entries are missing");
  StoredTileReader tiles(statements);
  TileHashReader leaves(size, tiles);
  for (const EntryRecord& entry : entries) {
    const MerkleHash leaf = TRY(leaves.read_hash({0, entry.index}));
    if (merkle_leaf_hash(entry.bytes) != leaf) {
      return corrupt("reading the log: entry " + std::to_string(entry.index) +
                     " does not hash to its leaf");
    }
  }
  return entries;
}

}  // namespace

std::uint64_t LedgerReader::tree_size() const { return published_.newest().size; }
CheckpointRecord LedgerReader::checkpoint() const { return published_.newest(); }

Result<CheckpointRecord> LedgerReader::checkpoint_at(std::uint64_t size) const {
  if (size > tree_size()) return not_found("there is no such checkpoint yet");
  const auto lease = TRY(pool_.lease());
  const auto row = TRY(lease.statements().checkpoint.one(read_entry, size));
  if (!row) return not_found("no checkpoint was signed at that size");
  const UnverifiedNote note = TRY(parse_note(row->bytes));
  const Checkpoint checkpoint = TRY(parse_checkpoint_text(note.text));
  if (checkpoint.size != size) return corrupt("reading a checkpoint: it is of another size");
  return CheckpointRecord{size, checkpoint.root, row->bytes};
}

Result<std::string> LedgerReader::entry(EntryIndex index) const {
  const std::uint64_t size = tree_size();
  if (index >= size) return not_found("there is no entry " + std::to_string(index));
  const auto lease = TRY(pool_.lease());
  auto entries = TRY(checked_entries(lease.statements(), index, index + 1, size));
  return std::move(entries.front().bytes);
}

Result<std::vector<EntryRecord>> LedgerReader::entries(EntryIndex first,
                                                       std::size_t count_max) const {
  const std::uint64_t size = tree_size();
  if (first >= size) return std::vector<EntryRecord>();
  const std::uint64_t count =
      std::min<std::uint64_t>(std::min(count_max, kEntriesPerReadMax), size - first);
  const auto lease = TRY(pool_.lease());
  return checked_entries(lease.statements(), first, first + count, size);
}

Result<MerkleHash> LedgerReader::leaf_hash(EntryIndex index) const {
  const std::uint64_t size = tree_size();
  if (index >= size) return not_found("there is no entry " + std::to_string(index));
  const auto lease = TRY(pool_.lease());
  return stored_leaf(lease.statements(), index, size);
}

Result<std::string> LedgerReader::tile(unsigned level, std::uint64_t n, unsigned width) const {
  if (level > 7 || width == 0 || width > tile_width(level, n, tree_size())) {
    return not_found("there is no such tile");
  }
  const auto lease = TRY(pool_.lease());
  StoredTileReader tiles(lease.statements());
  return tiles.read_tile({.level = level, .index = n, .width = width});
}

Result<std::string> LedgerReader::entry_bundle(std::uint64_t n, unsigned width) const {
  const std::uint64_t size = tree_size();
  if (width == 0 || width > tile_width(0, n, size)) return not_found("there is no such bundle");
  const auto lease = TRY(pool_.lease());
  const EntryIndex first = n * kTileWidth;
  const auto entries = TRY(checked_entries(lease.statements(), first, first + width, size));
  std::string bundle;
  for (const EntryRecord& entry : entries) append_to_entry_bundle(bundle, entry.bytes);
  return bundle;
}

Result<MerkleProof> LedgerReader::inclusion_proof(EntryIndex index, std::uint64_t size) const {
  const CheckpointRecord newest = published_.newest();
  if (index >= size || size > newest.size) {
    return invalid_argument("proving inclusion: no such entry in a tree of that size");
  }
  const auto lease = TRY(pool_.lease());
  StoredTileReader tiles(lease.statements());
  TileHashReader hashes(newest.size, tiles);
  MerkleProof proof = TRY(merkle_inclusion_proof(index, size, hashes));
  const MerkleHash leaf = TRY(hashes.read_hash({0, index}));
  const MerkleHash root =
      TRY(size == newest.size ? Result<MerkleHash>(newest.root) : merkle_root(size, hashes));
  // Never hand out a proof that does not hold: a tile was changed.
  if (!verify_merkle_inclusion(index, size, leaf, proof, root)) {
    return corrupt("proving inclusion: the tiles do not hash to the checkpoint");
  }
  return proof;
}

Result<MerkleProof> LedgerReader::consistency_proof(std::uint64_t old_size,
                                                    std::uint64_t new_size) const {
  const std::uint64_t published = tree_size();
  if (old_size > new_size || new_size > published) {
    return invalid_argument("proving consistency: no trees of those sizes");
  }
  if (old_size == 0 || old_size == new_size) return MerkleProof();
  const auto lease = TRY(pool_.lease());
  StoredTileReader tiles(lease.statements());
  TileHashReader hashes(published, tiles);
  return merkle_consistency_proof(old_size, new_size, hashes);
}

Result<MerkleHash> LedgerReader::root_at(std::uint64_t size) const {
  const CheckpointRecord newest = published_.newest();
  if (size > newest.size) return invalid_argument("reading a root: no tree of that size yet");
  if (size == newest.size) return newest.root;
  const auto lease = TRY(pool_.lease());
  StoredTileReader tiles(lease.statements());
  TileHashReader hashes(newest.size, tiles);
  return merkle_root(size, hashes);
}

Result<EvidenceRecord> LedgerReader::evidence(std::string_view digest) const {
  const auto lease = TRY(pool_.lease());
  auto found = TRY(lease.statements().evidence.one(read_evidence, digest));
  if (!found) return not_found("there is no such evidence");
  return *std::move(found);
}

Result<std::vector<EvidenceRecord>> LedgerReader::evidence_of(EntryIndex index) const {
  const auto lease = TRY(pool_.lease());
  return lease.statements().evidence_of_entry.all(read_evidence, index);
}

}  // namespace statehouse
