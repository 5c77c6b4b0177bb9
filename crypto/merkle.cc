#include "crypto/merkle.h"

#include <algorithm>
#include <bit>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

/// Bounds that keep every shift below defined; no log of ours comes near.
constexpr std::uint64_t kSizeMax = 1ULL << 62;

MerkleHash to_hash(std::string_view digest) { return MerkleHash::from_bytes(digest).value(); }

std::unexpected<Error> does_not_hold(std::string cause) {
  return unverified("verifying a Merkle proof: " + std::move(cause));
}

/// The largest power of two below `size`. REQUIRES: size > 1.
std::uint64_t split_point(std::uint64_t size) { return std::bit_floor(size - 1); }

/// MTH of the `count` entries from `start`, where `start` is a multiple of the power of two at or
/// above `count`: the complete subtrees of the range, folded from the right.
Result<MerkleHash> range_root(std::uint64_t start, std::uint64_t count, HashReader& hashes) {
  std::vector<MerklePosition> peaks;
  for (std::uint64_t at = start, left = count; left > 0;) {
    const std::uint64_t width = std::bit_floor(left);
    const auto level = static_cast<unsigned>(std::countr_zero(width));
    peaks.push_back({level, at >> level});
    at += width;
    left -= width;
  }
  MerkleHash root = TRY(hashes.read_hash(peaks.back()));
  for (std::size_t i = peaks.size() - 1; i-- > 0;) {
    const MerkleHash left = TRY(hashes.read_hash(peaks[i]));
    root = merkle_node_hash(left, root);
  }
  return root;
}

/// Strips the trailing one bits that both descents of RFC 9162 share.
void shift_while_odd(std::uint64_t& fn, std::uint64_t& sn) {
  while ((fn & 1U) == 1U) {
    fn >>= 1;
    sn >>= 1;
  }
}

/// "shift both until fn is odd or 0"
void shift_until_odd(std::uint64_t& fn, std::uint64_t& sn) {
  while (fn != 0 && (fn & 1U) == 0U) {
    fn >>= 1;
    sn >>= 1;
  }
}

}  // namespace

Result<MerkleHash> MerkleHash::from_bytes(std::string_view bytes) {
  if (bytes.size() != kBytes) return invalid_argument("reading a Merkle hash: not 32 bytes");
  MerkleHash hash;
  std::ranges::copy(bytes, hash.bytes_.begin());
  return hash;
}

Result<MerkleHash> MerkleHash::from_base64(std::string_view text) {
  const std::string bytes = TRY_WITH("reading a Merkle hash", base64_decode(text));
  return from_bytes(bytes);
}

std::string MerkleHash::base64() const { return base64_encode(bytes()); }

MerkleHash merkle_leaf_hash(std::string_view entry) {
  return to_hash(Sha256().update({"\0", 1}).update(entry).finish());
}

MerkleHash merkle_node_hash(const MerkleHash& left, const MerkleHash& right) {
  return to_hash(Sha256().update("\1").update(left.bytes()).update(right.bytes()).finish());
}

MerkleHash merkle_empty_root() { return to_hash(sha256("")); }

Result<MerkleHash> merkle_root(std::uint64_t size, HashReader& hashes) {
  if (size == 0) return merkle_empty_root();
  if (size > kSizeMax) return invalid_argument("computing a Merkle root: the size is too large");
  return range_root(0, size, hashes);
}

Result<MerkleProof> merkle_inclusion_proof(std::uint64_t index, std::uint64_t size,
                                           HashReader& hashes) {
  if (index >= size || size > kSizeMax) {
    return invalid_argument("proving inclusion: there is no such entry in a tree of that size");
  }
  // From the root down to the leaf; the proof is this in reverse.
  MerkleProof proof;
  std::uint64_t start = 0;
  for (std::uint64_t count = size; count > 1;) {
    const std::uint64_t left = split_point(count);
    const bool goes_left = index - start < left;
    const MerkleHash sibling = TRY(goes_left ? range_root(start + left, count - left, hashes)
                                             : range_root(start, left, hashes));
    proof.push_back(sibling);
    start += goes_left ? 0 : left;
    count = goes_left ? left : count - left;
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<MerkleProof> merkle_consistency_proof(std::uint64_t old_size, std::uint64_t size,
                                             HashReader& hashes) {
  if (old_size == 0 || old_size > size || size > kSizeMax) {
    return invalid_argument("proving consistency: not two sizes of one growing tree");
  }
  // SUBPROOF(m, D, b) of RFC 6962: down to the subtree that ends where the old tree ends.
  MerkleProof proof;
  std::uint64_t start = 0;
  std::uint64_t old_count = old_size;
  std::uint64_t count = size;
  bool old_is_whole_tree = true;  // the RFC's b
  while (old_count < count) {
    const std::uint64_t left = split_point(count);
    const bool goes_left = old_count <= left;
    const MerkleHash sibling = TRY(goes_left ? range_root(start + left, count - left, hashes)
                                             : range_root(start, left, hashes));
    proof.push_back(sibling);
    if (goes_left) {
      count = left;
    } else {
      start += left;
      old_count -= left;
      count -= left;
      old_is_whole_tree = false;
    }
  }
  if (!old_is_whole_tree) {
    const MerkleHash shared = TRY(range_root(start, count, hashes));
    proof.push_back(shared);
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<> verify_merkle_inclusion(std::uint64_t index, std::uint64_t size, const MerkleHash& leaf,
                                 const MerkleProof& proof, const MerkleHash& root) {
  if (index >= size) return does_not_hold("the index is not below the size");
  if (proof.size() > limits::kProofHashesMax) return does_not_hold("it is too long");
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  MerkleHash hash = leaf;
  for (const MerkleHash& sibling : proof) {
    if (sn == 0) return does_not_hold("it is longer than the tree is high");
    if ((fn & 1U) == 1U || fn == sn) {
      hash = merkle_node_hash(sibling, hash);
      shift_until_odd(fn, sn);
    } else {
      hash = merkle_node_hash(hash, sibling);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return does_not_hold("it is shorter than the tree is high");
  if (hash != root) return does_not_hold("it leads to another root");
  return {};
}

Result<> verify_merkle_consistency(std::uint64_t old_size, std::uint64_t size,
                                   const MerkleHash& old_root, const MerkleHash& root,
                                   const MerkleProof& proof) {
  if (old_size == 0) return does_not_hold("the old tree is empty");
  if (old_size > size) return does_not_hold("the old tree is larger than the new one");
  if (proof.size() > limits::kProofHashesMax + 1) return does_not_hold("it is too long");
  if (old_size == size) {
    if (!proof.empty()) return does_not_hold("trees of one size need none");
    return old_root == root ? Result<>() : does_not_hold("two roots for one size");
  }
  if (proof.empty()) return does_not_hold("it is empty");
  MerkleProof path;
  if (std::has_single_bit(old_size)) path.push_back(old_root);
  path.insert(path.end(), proof.begin(), proof.end());
  std::uint64_t fn = old_size - 1;
  std::uint64_t sn = size - 1;
  shift_while_odd(fn, sn);
  MerkleHash old_hash = path[0];
  MerkleHash hash = path[0];
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (sn == 0) return does_not_hold("it is longer than the tree is high");
    if ((fn & 1U) == 1U || fn == sn) {
      old_hash = merkle_node_hash(path[i], old_hash);
      hash = merkle_node_hash(path[i], hash);
      shift_until_odd(fn, sn);
    } else {
      hash = merkle_node_hash(hash, path[i]);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return does_not_hold("it is shorter than the tree is high");
  if (old_hash != old_root || hash != root) return does_not_hold("it leads to other roots");
  return {};
}

Result<MerkleFrontier> MerkleFrontier::load(std::uint64_t size, HashReader& hashes) {
  if (size > kSizeMax) return invalid_argument("loading a Merkle tree: the size is too large");
  MerkleFrontier frontier;
  for (std::uint64_t at = 0; at < size;) {
    const std::uint64_t width = std::bit_floor(size - at);
    const auto level = static_cast<unsigned>(std::countr_zero(width));
    const MerkleHash peak = TRY(hashes.read_hash({level, at >> level}));
    frontier.peaks_.push_back(peak);
    at += width;
  }
  frontier.size_ = size;
  return frontier;
}

void MerkleFrontier::append(const MerkleHash& leaf, const OnHash& on_hash) {
  MerkleHash hash = leaf;
  unsigned level = 0;
  if (on_hash) on_hash({0, size_}, hash);
  for (std::uint64_t rest = size_; (rest & 1U) == 1U; rest >>= 1) {
    hash = merkle_node_hash(peaks_.back(), hash);
    peaks_.pop_back();
    ++level;
    if (on_hash) on_hash({level, size_ >> level}, hash);
  }
  peaks_.push_back(hash);
  ++size_;
}

MerkleHash MerkleFrontier::root() const {
  if (peaks_.empty()) return merkle_empty_root();
  MerkleHash root = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) root = merkle_node_hash(peaks_[i], root);
  return root;
}

}  // namespace statehouse
