#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"

namespace statehouse {

// The Merkle tree of RFC 6962, section 2.1, over SHA-256. Sizes and indexes are entry counts.
// A complete subtree is named by (level, index): it covers the 2^level entries that start at
// index * 2^level. All functions are pure except for their HashReader.

/// 32 bytes of a leaf, node or root. A value.
class MerkleHash {
 public:
  static constexpr std::size_t kBytes = 32;

  constexpr MerkleHash() = default;

  /// Exactly 32 raw bytes.
  static Result<MerkleHash> from_bytes(std::string_view bytes);
  /// Canonical standard base64 of 32 bytes, as in checkpoints and proofs.
  static Result<MerkleHash> from_base64(std::string_view text);

  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), kBytes};
  }
  [[nodiscard]] std::string base64() const;

  auto operator<=>(const MerkleHash&) const = default;

 private:
  std::array<unsigned char, kBytes> bytes_{};
};

using MerkleProof = std::vector<MerkleHash>;

/// SHA-256(0x00 || entry).
MerkleHash merkle_leaf_hash(std::string_view entry);
/// SHA-256(0x01 || left || right).
MerkleHash merkle_node_hash(const MerkleHash& left, const MerkleHash& right);
/// SHA-256 of nothing: the root of the tree with no entries.
MerkleHash merkle_empty_root();

/// Names one complete subtree.
struct MerklePosition {
  unsigned level = 0;       ///< 0 is a leaf
  std::uint64_t index = 0;  ///< of the subtree among those of its level

  auto operator<=>(const MerklePosition&) const = default;
};

/// Where hashes of complete subtrees come from: stored hashes, tiles (crypto/tile.h), a test's map.
/// What it returns is believed by the generators below; whoever reads from an untrusted place
/// compares the root with a signed checkpoint first.
class HashReader {
 public:
  virtual ~HashReader() = default;
  virtual Result<MerkleHash> read_hash(MerklePosition position) = 0;
};

/// The root of the first `size` entries.
Result<MerkleHash> merkle_root(std::uint64_t size, HashReader& hashes);

/// PATH(index, D[0:size]), RFC 6962 section 2.1.1: sibling of the leaf first.
/// Errors: kInvalidArgument when index >= size; those of `hashes`.
Result<MerkleProof> merkle_inclusion_proof(std::uint64_t index, std::uint64_t size,
                                           HashReader& hashes);

/// PROOF(old_size, D[0:size]), RFC 6962 section 2.1.2. Empty when the sizes are equal.
/// Errors: kInvalidArgument when old_size is 0 or above size; those of `hashes`.
Result<MerkleProof> merkle_consistency_proof(std::uint64_t old_size, std::uint64_t size,
                                             HashReader& hashes);

/// RFC 9162, section 2.1.3.2. Errors: kUnverified.
Result<> verify_merkle_inclusion(std::uint64_t index, std::uint64_t size, const MerkleHash& leaf,
                                 const MerkleProof& proof, const MerkleHash& root);

/// RFC 9162, section 2.1.4.2. An old size of 0 is refused: everything is consistent with nothing,
/// so a caller that means it must say so itself. Errors: kUnverified.
Result<> verify_merkle_consistency(std::uint64_t old_size, std::uint64_t size,
                                   const MerkleHash& old_root, const MerkleHash& root,
                                   const MerkleProof& proof);

/// The right edge of a growing tree: enough to append and to know the root, in O(log n) memory.
/// A value; Threads: one.
class MerkleFrontier {
 public:
  /// Called once for every complete subtree that an append closes, leaf first, its parents after.
  using OnHash = std::function<void(MerklePosition, const MerkleHash&)>;

  /// The tree with no entries.
  MerkleFrontier() = default;

  /// The frontier of an existing tree. Reads at most 64 hashes.
  static Result<MerkleFrontier> load(std::uint64_t size, HashReader& hashes);

  void append(const MerkleHash& leaf, const OnHash& on_hash = nullptr);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] MerkleHash root() const;

 private:
  std::uint64_t size_ = 0;
  std::vector<MerkleHash> peaks_;  // roots of the complete subtrees of `size_`, largest first
};

}  // namespace statehouse
