#include "crypto/tlog_proof.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/crypto/fixture.h"

namespace statehouse {

namespace {

constexpr std::string_view kOrigin = "example.com/log";
constexpr std::uint64_t kSize = 11;

NoteSigner signer() { return NoteSigner::create(kOrigin, test_key()).value(); }

MerkleHash leaf(std::uint64_t index) { return merkle_leaf_hash(std::to_string(index)); }

/// A proof of entry `index` in a log of kSize entries.
TlogProof proof_of(std::uint64_t index) {
  class Hashes final : public HashReader {
   public:
    Result<MerkleHash> read_hash(MerklePosition position) override { return all.at(position); }
    std::map<MerklePosition, MerkleHash> all;
  } hashes;
  MerkleFrontier frontier;
  for (std::uint64_t i = 0; i < kSize; ++i) {
    frontier.append(leaf(i),
                    [&](MerklePosition at, const MerkleHash& hash) { hashes.all[at] = hash; });
  }
  return {index,
          merkle_inclusion_proof(index, kSize, hashes).value(),
          sign_checkpoint({std::string(kOrigin), kSize, frontier.root()}, signer()).value(),
          {}};
}

bool verifies(const TlogProof& proof, const MerkleHash& of) {
  return verify_tlog_proof(proof, of, kOrigin, {signer().key()}).has_value();
}

}  // namespace

TEST_CASE("texts that are not exactly a proof are refused") {
  const std::string good = format_tlog_proof(proof_of(3));
  REQUIRE(parse_tlog_proof(good));
  for (const std::string& bad :
       {std::string(), "\n" + good, replaced(good, "@v1", "@v2"), replaced(good, "@v1\n", "@v1 \n"),
        replaced(good, "index 3", "index 03"), replaced(good, "index 3", "index -3"),
        replaced(good, "index 3", "index"), replaced(good, "index 3\n", ""),
        replaced(good, "index 3", "extra \nindex 3"), replaced(good, "index 3", "extra ?\nindex 3"),
        replaced(good, "index 3", "index 3\nextra AA=="), replaced(good, "=\n", "\n"),
        good.substr(0, good.find("\n\n")), good.substr(0, good.find("\n\n") + 2),
        replaced(good, "index 3\n", "index 3\n" + merkle_empty_root().base64().substr(4) + "\n")}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_tlog_proof(bad));
  }
  std::string long_proof = "c2sp.org/tlog-proof@v1\nindex 0\n";
  for (int i = 0; i < 64; ++i) long_proof += merkle_empty_root().base64() + "\n";
  CHECK_FALSE(parse_tlog_proof(long_proof + "\nx\n"));
}

TEST_CASE("a proof reads back as it was written, with and without extra bytes") {
  TlogProof proof = proof_of(3);
  CHECK(parse_tlog_proof(format_tlog_proof(proof)).value() == proof);
  proof.extra = std::string("\0extra", 6);
  CHECK(parse_tlog_proof(format_tlog_proof(proof)).value() == proof);
}

TEST_CASE("a proof holds for its leaf, index, hashes and checkpoint, and nothing else") {
  const TlogProof good = proof_of(3);
  CHECK(verifies(good, leaf(3)));
  CHECK_FALSE(verifies(good, leaf(4)));
  TlogProof bad = good;
  bad.index = 4;
  CHECK_FALSE(verifies(bad, leaf(3)));
  bad = good;
  bad.hashes.pop_back();
  CHECK_FALSE(verifies(bad, leaf(3)));
  bad = good;
  bad.checkpoint = replaced(bad.checkpoint, "\n11\n", "\n12\n");
  CHECK_FALSE(verifies(bad, leaf(3)));
  CHECK_FALSE(verify_tlog_proof(good, leaf(3), "example.com/other", {signer().key()}));
  CHECK_FALSE(verify_tlog_proof(good, leaf(3), kOrigin, {}));
}

}  // namespace statehouse
