#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "store/model/name.h"
#include "store/model/oid.h"

namespace statehouse {

// Ref files are copies of what the ledger says, for any git that looks into the folder. Nothing
// here decides: see design.md section 3. `repository` is always the path of a bare repository.

/// What a ref is to become: an id, or nothing (deleted).
struct RefFileUpdate {
  RefName ref;
  std::optional<Oid> oid;
};

/// The REF.lock files of one push, held from before the ledger's commit until the refs are
/// published. Any git that honours locks stays out meanwhile.
///
/// The destructor removes locks that were neither published nor released nor kept.
/// Threads: one at a time; under the repository's writer queue.
class RefLocks {
 public:
  /// Creates each lock file with its new content, fsyncs it, and makes new folders durable.
  /// Steps: "ref.lock", "ref.lock-sync", once per ref. All or nothing.
  /// Errors: kConflict (a lock exists, or a ref stands where a folder is needed or the other way
  /// round), kInvalidArgument (one ref twice), kUnavailable (disk full).
  static Result<RefLocks> acquire(const Path& repository, std::span<const RefFileUpdate> updates,
                                  DurableSteps& steps);
  RefLocks(RefLocks&& other) noexcept;
  RefLocks& operator=(RefLocks&& other) noexcept;
  RefLocks(const RefLocks&) = delete;
  RefLocks& operator=(const RefLocks&) = delete;
  ~RefLocks() { release(); }

  /// Renames every lock over its ref (a deletion removes the ref, from packed-refs too), then
  /// fsyncs the folders. Steps: "ref.rename" and "ref.sync-directory", once per ref. Idempotent in
  /// effect: doing it again by acquire + publish gives the same files. When one fails the others
  /// are published all the same and no lock stays: the refs can move again, and what the outbox
  /// still owes is written at the next start. Returns the first failure.
  Result<> publish(DurableSteps& steps);

  /// Removes the locks. The refs stay as they are.
  void release();

  /// Leaves the lock files where they are, because it is not known whether the move was committed.
  /// The next start removes them and writes what the ledger says.
  void keep() { held_.clear(); }

 private:
  struct Held {
    RefFileUpdate update;
    Path file;  ///< of the ref; the lock is `file`.lock
  };

  explicit RefLocks(Path repository) : repository_(std::move(repository)) {}
  Result<> lock_one(const RefFileUpdate& update, DurableSteps& steps);
  Result<> publish_one(const Held& held, DurableSteps& steps) const;

  Path repository_;
  std::vector<Held> held_;
};

/// Acquire and publish in one: rolls ref files forward to what the ledger says.
Result<> write_ref_files(const Path& repository, std::span<const RefFileUpdate> updates,
                         DurableSteps& steps);

/// The id in the ref's file, or in packed-refs; none when there is no such ref.
/// Errors: kCorrupt for content that is not exactly an id and a newline (a symbolic ref is
/// tampering), for symbolic links and for anything that is not a regular file.
Result<std::optional<Oid>> read_ref_file(const Path& repository, const RefName& ref);

/// Every ref below refs/, loose and packed (loose wins). Errors: kCorrupt as above, also for names
/// that are no RefName; files ending in ".lock" are passed over.
Result<std::map<RefName, Oid>> list_ref_files(const Path& repository);

/// Removes every REF.lock below refs/ and packed-refs.lock, and returns how many there were.
/// REQUIRES: nobody writes (call at start, under the data directory's lock).
Result<std::size_t> remove_stale_ref_locks(const Path& repository);

/// Makes HEAD name `branch`, durably. Steps of write_file_durably under "ref.head".
Result<> write_head(const Path& repository, const RefName& branch, DurableSteps& steps);
/// The branch that HEAD names. Errors: kCorrupt.
Result<RefName> read_head(const Path& repository);

}  // namespace statehouse
