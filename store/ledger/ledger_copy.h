#pragma once

#include <memory>
#include <optional>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "store/ledger/connection.h"
#include "store/ledger/reader.h"
#include "store/ledger/verify.h"

namespace statehouse {

/// A ledger file that nobody writes, read without keys and without leaving a trace: a backup, an
/// auditor's copy of a data directory, one on a read-only file system.
///
/// Its newest checkpoint is taken as it stands in the file: whoever reads verifies it against a
/// trust document. Where a write-ahead log lies beside the file, both are copied to a temporary
/// folder first, since SQLite cannot read the pair without writing. Threads: any.
class LedgerCopy {
 public:
  /// REQUIRES: no process writes `path` meanwhile. Errors: kNotFound; kInvalidArgument (not a
  /// ledger, or of another release); kCorrupt (no checkpoint in it that could be read).
  static Result<std::unique_ptr<LedgerCopy>> open(const Path& path);

  [[nodiscard]] const LedgerReader& read() const { return reader_; }

  /// Re-derives everything from the entries, the rows of all tables too: see verify.h.
  [[nodiscard]] Result<VerifyReport> verify(const VerifyOptions& options) const;

 private:
  LedgerCopy(std::optional<TemporaryDirectory> scratch, Path opened, Database::Mode mode,
             std::unique_ptr<ConnectionPool> pool)
      : scratch_(std::move(scratch)),
        opened_(std::move(opened)),
        mode_(mode),
        pool_(std::move(pool)),
        reader_(*pool_, published_) {}

  std::optional<TemporaryDirectory> scratch_;  // outlives the connections to what is in it
  Path opened_;                                // the file itself, or the copy of it in scratch_
  Database::Mode mode_;
  std::unique_ptr<ConnectionPool> pool_;
  PublishedTree published_;
  LedgerReader reader_;
};

}  // namespace statehouse
