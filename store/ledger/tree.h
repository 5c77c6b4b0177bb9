#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/merkle.h"
#include "store/ledger/statements.h"

namespace statehouse {

/// The right edge of the log's Merkle tree: what the ledger thread needs to append. Internal to
/// store/ledger. A value of at most 64 KiB: a batch appends to a copy, which replaces the original
/// after COMMIT.
class LogTree {
 public:
  /// The empty tree.
  LogTree() = default;
  /// Errors: kCorrupt (a tile on the right edge is missing or has the wrong length).
  static Result<LogTree> load(std::uint64_t size, Statements& statements);

  /// Appends `leaves` and writes every tile that changed.
  Result<> append(const std::vector<MerkleHash>& leaves, Statements& statements);

  [[nodiscard]] std::uint64_t size() const { return frontier_.size(); }
  [[nodiscard]] MerkleHash root() const { return frontier_.root(); }

 private:
  static constexpr unsigned kLevels = 8;  // 256^8 leaves: a level for every bit of an index

  /// One growing tile: its number and the hashes it has so far.
  struct Edge {
    std::uint64_t n = 0;
    std::string hashes;
    bool changed = false;
  };
  Result<> write(unsigned level, Statements& statements);

  MerkleFrontier frontier_;
  std::array<Edge, kLevels> edges_;
};

}  // namespace statehouse
