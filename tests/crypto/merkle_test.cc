#include "crypto/merkle.h"

#include <doctest/doctest.h>

#include <map>

#include "crypto/base/encoding.h"
#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

constexpr std::uint64_t kTreeMax = 100;

MerkleHash leaf(std::uint64_t index) { return merkle_leaf_hash("entry " + std::to_string(index)); }

/// MTH of RFC 6962, section 2.1, written as the RFC has it.
MerkleHash plain_root(std::uint64_t start, std::uint64_t size) {
  if (size == 0) return merkle_empty_root();
  if (size == 1) return leaf(start);
  std::uint64_t k = 1;
  while (2 * k < size) k *= 2;
  return merkle_node_hash(plain_root(start, k), plain_root(start + k, size - k));
}

/// Every complete subtree of a tree, as an append reported it.
class StoredHashes final : public HashReader {
 public:
  explicit StoredHashes(std::uint64_t size) {
    for (std::uint64_t i = 0; i < size; ++i) {
      frontier_.append(leaf(i), [&](MerklePosition position, const MerkleHash& hash) {
        CHECK(hashes_.emplace(position, hash).second);
      });
    }
  }

  Result<MerkleHash> read_hash(MerklePosition position) override {
    const auto found = hashes_.find(position);
    if (found == hashes_.end()) return not_found("no such hash");
    return found->second;
  }

  [[nodiscard]] const MerkleFrontier& frontier() const { return frontier_; }

 private:
  MerkleFrontier frontier_;
  std::map<MerklePosition, MerkleHash> hashes_;
};

MerkleHash spoiled(const MerkleHash& hash) {
  std::string bytes(hash.bytes());
  bytes[0] = static_cast<char>(bytes[0] ^ 1);
  return MerkleHash::from_bytes(bytes).value();
}

/// Some vectors carry words like "don't care" where a hash belongs: they only ask whether two are
/// equal, so any hash of the word does. An empty one is refused where it is read.
Result<MerkleHash> hash_of(const Json& text) {
  const std::string bytes = TRY(base64_decode(text.get<std::string>()));
  if (bytes.empty() || bytes.size() == MerkleHash::kBytes) return MerkleHash::from_bytes(bytes);
  return merkle_leaf_hash(bytes);
}

Result<MerkleProof> proof_of(const Json& vector) {
  MerkleProof proof;
  for (const Json& text : vector.at("proof")) {
    const MerkleHash hash = TRY(hash_of(text));
    proof.push_back(hash);
  }
  return proof;
}

Result<> judge_inclusion(const Json& vector) {
  const MerkleHash leaf_hash = TRY(hash_of(vector.at("leafHash")));
  const MerkleHash root = TRY(hash_of(vector.at("root")));
  const MerkleProof proof = TRY(proof_of(vector));
  return verify_merkle_inclusion(vector.at("leafIdx"), vector.at("treeSize"), leaf_hash, proof,
                                 root);
}

Result<> judge_consistency(const Json& vector) {
  const MerkleHash old_root = TRY(hash_of(vector.at("root1")));
  const MerkleHash root = TRY(hash_of(vector.at("root2")));
  const MerkleProof proof = TRY(proof_of(vector));
  return verify_merkle_consistency(vector.at("size1"), vector.at("size2"), old_root, root, proof);
}

template <typename Judge>
int each_vector(const Path& folder, Judge judge) {
  int count = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (!file.is_regular_file()) continue;
    const Json vector = read_json_vector(file.path());
    CAPTURE(file.path().string());
    CHECK(judge(vector).has_value() == !vector.at("wantErr").get<bool>());
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE(
    "an inclusion proof that is altered, cut, grown or moved does not hold, in any tree up to "
    "100") {
  StoredHashes hashes(kTreeMax);
  for (std::uint64_t size = 1; size <= kTreeMax; ++size) {
    const MerkleHash root = merkle_root(size, hashes).value();
    for (std::uint64_t index = 0; index < size; ++index) {
      const MerkleProof proof = merkle_inclusion_proof(index, size, hashes).value();
      const auto holds = [&](std::uint64_t i, std::uint64_t n, const MerkleHash& l,
                             const MerkleProof& p, const MerkleHash& r) {
        return verify_merkle_inclusion(i, n, l, p, r).has_value();
      };
      bool sound = holds(index, size, leaf(index), proof, root);
      sound = sound && !holds(index, size, spoiled(leaf(index)), proof, root);
      sound = sound && !holds(index, size, leaf(index), proof, spoiled(root));
      sound = sound && !holds(index + 1, size, leaf(index), proof, root);
      sound = sound && !holds(index ^ 1, size, leaf(index), proof, root);
      MerkleProof longer = proof;
      longer.push_back(root);
      sound = sound && !holds(index, size, leaf(index), longer, root);
      for (std::size_t i = 0; i < proof.size(); ++i) {
        MerkleProof altered = proof;
        altered[i] = spoiled(altered[i]);
        sound = sound && !holds(index, size, leaf(index), altered, root);
        MerkleProof cut = proof;
        cut.erase(cut.begin() + static_cast<std::ptrdiff_t>(i));
        sound = sound && !holds(index, size, leaf(index), cut, root);
      }
      CAPTURE(size);
      CAPTURE(index);
      CHECK(sound);
    }
  }
}

TEST_CASE("every consistency proof between trees up to 100 holds, and no altered one does") {
  StoredHashes hashes(kTreeMax);
  for (std::uint64_t size = 1; size <= kTreeMax; ++size) {
    const MerkleHash root = merkle_root(size, hashes).value();
    for (std::uint64_t old_size = 1; old_size <= size; ++old_size) {
      const MerkleHash old_root = merkle_root(old_size, hashes).value();
      const MerkleProof proof = merkle_consistency_proof(old_size, size, hashes).value();
      const auto holds = [&](std::uint64_t m, const MerkleHash& r1, const MerkleHash& r2,
                             const MerkleProof& p) {
        return verify_merkle_consistency(m, size, r1, r2, p).has_value();
      };
      bool sound = holds(old_size, old_root, root, proof);
      sound = sound && !holds(old_size, spoiled(old_root), root, proof);
      sound = sound && !holds(old_size, old_root, spoiled(root), proof);
      sound = sound && !holds(0, old_root, root, proof) && !holds(size + 1, old_root, root, proof);
      MerkleProof longer = proof;
      longer.push_back(root);
      sound = sound && !holds(old_size, old_root, root, longer);
      for (std::size_t i = 0; i < proof.size(); ++i) {
        MerkleProof altered = proof;
        altered[i] = spoiled(altered[i]);
        sound = sound && !holds(old_size, old_root, root, altered);
        MerkleProof cut = proof;
        cut.erase(cut.begin() + static_cast<std::ptrdiff_t>(i));
        sound = sound && !holds(old_size, old_root, root, cut);
      }
      CAPTURE(size);
      CAPTURE(old_size);
      CHECK(sound);
    }
  }
}

TEST_CASE("roots are those of the recursive definition") {
  StoredHashes hashes(kTreeMax);
  MerkleFrontier frontier;
  CHECK(frontier.root() == merkle_empty_root());
  for (std::uint64_t size = 0; size <= kTreeMax; ++size) {
    CHECK(merkle_root(size, hashes).value() == plain_root(0, size));
    CHECK(frontier.root() == plain_root(0, size));
    CHECK(MerkleFrontier::load(size, hashes).value().root() == plain_root(0, size));
    frontier.append(leaf(size));
  }
}

TEST_CASE("a frontier that was loaded grows like one that was never put away") {
  StoredHashes hashes(kTreeMax);
  for (std::uint64_t size = 0; size < kTreeMax; ++size) {
    MerkleFrontier frontier = MerkleFrontier::load(size, hashes).value();
    for (std::uint64_t i = size; i < kTreeMax; ++i) frontier.append(leaf(i));
    CHECK(frontier.root() == hashes.frontier().root());
  }
}

TEST_CASE("hashes match the known answers of certificate transparency") {
  CHECK(hex_encode(merkle_leaf_hash("").bytes()) ==
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  CHECK(hex_encode(merkle_leaf_hash("L123456").bytes()) ==
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
  CHECK(hex_encode(merkle_empty_root().bytes()) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("proofs that cannot exist are not asked for") {
  StoredHashes hashes(4);
  CHECK_FALSE(merkle_inclusion_proof(0, 0, hashes));
  CHECK_FALSE(merkle_inclusion_proof(4, 4, hashes));
  CHECK_FALSE(merkle_inclusion_proof(0, 5, hashes));
  CHECK_FALSE(merkle_inclusion_proof(0, UINT64_MAX, hashes));
  CHECK_FALSE(merkle_consistency_proof(0, 4, hashes));
  CHECK_FALSE(merkle_consistency_proof(5, 4, hashes));
  CHECK(merkle_consistency_proof(4, 4, hashes).value().empty());
}

TEST_CASE("every inclusion vector of transparency-dev has its expected verdict") {
  const auto folder = vectors_folder("merkle");
  if (!folder) return;
  CHECK(each_vector(*folder / "inclusion", judge_inclusion) > 90);
}

TEST_CASE("every consistency vector of transparency-dev has its expected verdict") {
  const auto folder = vectors_folder("merkle");
  if (!folder) return;
  CHECK(each_vector(*folder / "consistency", judge_consistency) > 90);
}

}  // namespace statehouse
