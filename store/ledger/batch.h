#pragma once

#include <string>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/entropy.h"
#include "crypto/base/error.h"
#include "crypto/merkle.h"
#include "store/ledger/statements.h"
#include "store/ledger/transaction.h"
#include "store/model/name.h"

namespace statehouse {

/// What the jobs of one SQLite transaction share; internal to store/ledger. Only the ledger thread
/// touches it. The Merkle tree is not: it takes the accepted leaves when all jobs have run.
class LedgerBatch {
 public:
  LedgerBatch(Statements& statements, const std::string& origin, Epoch epoch,
              const Entropy& entropy, Timestamp time, EntryIndex first_index)
      : statements_(statements),
        origin_(origin),
        epoch_(epoch),
        entropy_(entropy),
        time_(time),
        first_index_(first_index) {}

  /// Runs `job` in a savepoint of its own. On an error its rows and leaves are gone again.
  /// `*transaction_lost` is set when SQLite could not roll back to the savepoint.
  Result<> run(const std::function<Result<>(Transaction&)>& job, bool* transaction_lost);

  [[nodiscard]] const std::vector<MerkleHash>& leaves() const { return leaves_; }
  [[nodiscard]] EntryIndex next_index() const { return first_index_ + leaves_.size(); }
  [[nodiscard]] Timestamp time() const { return time_; }

 private:
  friend class Transaction;

  Statements& statements_;
  const std::string& origin_;
  const Epoch epoch_;
  const Entropy& entropy_;
  const Timestamp time_;
  const EntryIndex first_index_;
  std::vector<MerkleHash> leaves_;
};

}  // namespace statehouse
