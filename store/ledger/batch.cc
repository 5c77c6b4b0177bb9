#include "store/ledger/batch.h"

namespace statehouse {

Result<> LedgerBatch::run(const std::function<Result<>(Transaction&)>& job,
                          bool* transaction_lost) {
  const std::size_t leaves_before = leaves_.size();
  TRY(statements_.savepoint.run());
  Transaction transaction(*this);
  const Result<> outcome = job(transaction);
  if (outcome) return statements_.release_savepoint.run();
  leaves_.resize(leaves_before);
  // SQLite itself ends the whole transaction on a full disk and the like; then there is no
  // savepoint any more, and the jobs before this one are undone with it.
  const Result<> undone = statements_.rollback_savepoint.run();
  const Result<> released = statements_.release_savepoint.run();
  if (!undone || !released) *transaction_lost = true;
  return outcome;
}

}  // namespace statehouse
