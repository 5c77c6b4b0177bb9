#include <thread>

#include "crypto/tile.h"
#include "tests/store/ledger/fixture.h"

namespace statehouse {

TEST_CASE_FIXTURE(LedgerFixture, "reads beyond the published tree are refused") {
  append_many(3);
  CHECK(read().entry(3).error().code == ErrorCode::kNotFound);
  CHECK(read().leaf_hash(3).error().code == ErrorCode::kNotFound);
  CHECK(read().entries(3, 10)->empty());
  CHECK(read().tile(0, 0, 4).error().code == ErrorCode::kNotFound);
  CHECK(read().tile(0, 0, 0).error().code == ErrorCode::kNotFound);
  CHECK(read().tile(0, 1, 1).error().code == ErrorCode::kNotFound);
  CHECK(read().tile(1, 0, 1).error().code == ErrorCode::kNotFound);
  CHECK(read().tile(8, 0, 1).error().code == ErrorCode::kNotFound);
  CHECK(read().entry_bundle(0, 4).error().code == ErrorCode::kNotFound);
  CHECK(read().inclusion_proof(3, 3).error().code == ErrorCode::kInvalidArgument);
  CHECK(read().inclusion_proof(0, 4).error().code == ErrorCode::kInvalidArgument);
  CHECK(read().consistency_proof(1, 4).error().code == ErrorCode::kInvalidArgument);
  CHECK(read().consistency_proof(3, 2).error().code == ErrorCode::kInvalidArgument);
  CHECK(read().root_at(4).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE_FIXTURE(LedgerFixture, "every proof of every index and size verifies") {
  append_many(70);
  const MerkleHash root = read().checkpoint().root;
  for (std::uint64_t size = 1; size <= 70; ++size) {
    const MerkleHash root_then = *read().root_at(size);
    for (EntryIndex index = 0; index < size; index += size < 20 ? 1 : 7) {
      const MerkleProof proof = *read().inclusion_proof(index, size);
      CHECK(verify_merkle_inclusion(index, size, *read().leaf_hash(index), proof, root_then));
    }
    const MerkleProof growth = *read().consistency_proof(size, 70);
    CHECK(verify_merkle_consistency(size, 70, root_then, root, growth));
  }
  CHECK(read().consistency_proof(0, 70)->empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "proofs across tiles of two levels verify") {
  append_many(600);
  const MerkleHash root = read().checkpoint().root;
  for (const EntryIndex index : {0, 255, 256, 511, 512, 599}) {
    const MerkleProof proof = *read().inclusion_proof(index, 600);
    CHECK(verify_merkle_inclusion(index, 600, *read().leaf_hash(index), proof, root));
  }
  for (const std::uint64_t size : {1, 255, 256, 257, 512, 513}) {
    const MerkleProof proof = *read().consistency_proof(size, 600);
    CHECK(verify_merkle_consistency(size, 600, *read().root_at(size), root, proof));
  }
}

TEST_CASE_FIXTURE(LedgerFixture, "tiles and bundles are those of the tlog-tiles layout") {
  append_many(600);
  CHECK(read().tile(0, 0, 256)->size() == 8192);
  CHECK(read().tile(0, 2, 88)->size() == 88 * 32);
  CHECK(read().tile(0, 2, 5)->size() == 5 * 32);
  const auto upper = *parse_hash_tile(*read().tile(1, 0, 2), 2);
  CHECK(upper[0] == *read().root_at(256));
  const std::string bundle = *read().entry_bundle(2, 88);
  const auto entries = *parse_entry_bundle(bundle, 88);
  CHECK(entries[87] == *read().entry(599));
  CHECK(merkle_leaf_hash(entries[0]) == *read().leaf_hash(512));
}

TEST_CASE_FIXTURE(LedgerFixture, "readers on many threads see a consistent log while it grows") {
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const CheckpointRecord checkpoint = read().checkpoint();
        if (checkpoint.size == 0) continue;
        const auto proof = read().inclusion_proof(checkpoint.size - 1, checkpoint.size);
        const auto leaf = read().leaf_hash(checkpoint.size - 1);
        CHECK(verify_merkle_inclusion(checkpoint.size - 1, checkpoint.size, *leaf, *proof,
                                      checkpoint.root));
      }
    });
  }
  for (int i = 0; i < 100; ++i) CHECK(append());
  done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_CASE_FIXTURE(LedgerFixture, "a copy is a whole ledger, and never overwrites") {
  append_many(10);
  REQUIRE(read().copy_to(directory() / "copy.db"));
  CHECK(read().copy_to(directory() / "copy.db").error().code == ErrorCode::kConflict);
  const auto report = verify_ledger_file(directory() / "copy.db", verify_options());
  CHECK(report->findings.empty());
  CHECK(report->entries == 10);
}

TEST_CASE_FIXTURE(LedgerFixture, "the write-ahead log is copied back and does not grow for ever") {
  EntryDraft large = alarm();
  large.evidence = {{"decision", "text/plain", std::string(1 << 20, 'x')}};
  for (int i = 0; i < 24; ++i) REQUIRE(append(large));
  CHECK(ledger().health().wal_pages < 4096 + 512);
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "a failing copy of the write-ahead log loses nothing and stops") {
  steps.fail("ledger.wal-checkpoint", FailingSteps::When::kBefore);
  EntryDraft large = alarm();
  large.evidence = {{"decision", "text/plain", std::string(4 << 20, 'x')}};
  int accepted = 0;
  while (accepted < 16 && append(large)) ++accepted;
  CHECK(stopped_code() == ErrorCode::kUnavailable);
  CHECK(read().tree_size() == static_cast<std::uint64_t>(accepted));
  steps.heal();
  reopen();
  CHECK(read().tree_size() == static_cast<std::uint64_t>(accepted));
  CHECK(findings().empty());
}

}  // namespace statehouse
