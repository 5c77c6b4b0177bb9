#include "store/ledger/tree.h"

#include "crypto/tile.h"
#include "store/ledger/connection.h"
#include "store/ledger/rows.h"

namespace statehouse {

Result<LogTree> LogTree::load(std::uint64_t size, Statements& statements) {
  LogTree tree;
  StoredTileReader tiles(statements);
  TileHashReader hashes(size, tiles);
  tree.frontier_ = TRY(MerkleFrontier::load(size, hashes));
  for (unsigned level = 0; level < kLevels; ++level) {
    const std::uint64_t complete = size >> (8 * level);
    Edge& edge = tree.edges_[level];
    edge.n = complete / kTileWidth;
    const auto width = static_cast<unsigned>(complete % kTileWidth);
    const auto stored = TRY(statements.tile.one(read_text, level, edge.n));
    edge.hashes = stored.value_or("");
    if (edge.hashes.size() != width * MerkleHash::kBytes) {
      return corrupt("reading the log: the newest tile of level " + std::to_string(level) +
                     " has the wrong length");
    }
  }
  return tree;
}

Result<> LogTree::append(const std::vector<MerkleHash>& leaves, Statements& statements) {
  Result<> outcome;
  const auto on_hash = [&](MerklePosition position, const MerkleHash& hash) {
    if (position.level % 8 != 0 || position.level / 8 >= kLevels) return;
    const unsigned level = position.level / 8;
    Edge& edge = edges_[level];
    edge.hashes += hash.bytes();
    edge.changed = true;
    if (edge.hashes.size() < kTileWidth * MerkleHash::kBytes) return;
    if (outcome) outcome = write(level, statements);
    edge = Edge{edge.n + 1, "", false};
  };
  for (const MerkleHash& leaf : leaves) frontier_.append(leaf, on_hash);
  for (unsigned level = 0; outcome && level < kLevels; ++level) {
    if (edges_[level].changed) outcome = write(level, statements);
  }
  return outcome;
}

Result<> LogTree::write(unsigned level, Statements& statements) {
  Edge& edge = edges_[level];
  edge.changed = false;
  return statements.put_tile.run(level, edge.n, Blob{edge.hashes});
}

}  // namespace statehouse
