#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/base/subprocess.h"
#include "store/git/git_repository.h"
#include "store/git/pack_scan.h"
#include "store/git/repository_store.h"

namespace statehouse {

/// Where the bytes of a pushed pack are: a regular file from `offset` to its end, or memory.
struct PackInput {
  int fd = -1;  ///< borrowed
  std::uint64_t offset = 0;
  std::string_view bytes;  ///< borrowed; used when fd is -1
};

struct IngestLimits {
  PackLimits pack;
  /// Whether deltas may rest on objects that the repository has. Not for a pusher who may not read
  /// all of them: a delta can copy what its base holds.
  bool thin = true;
  std::uint64_t memory_bytes_max = 2ULL << 30;  ///< address space of the git child
  std::chrono::seconds cpu_max{120};
  std::chrono::milliseconds time_max{std::chrono::minutes(5)};
};

/// Object files that entered a repository and that no version rests on yet.
///
/// Dropping it leaves them where they are. Threads: one at a time; under the repository's writer
/// queue.
class PublishedObjects {
 public:
  PublishedObjects() = default;
  explicit PublishedObjects(std::vector<Path> files) : files_(std::move(files)) {}

  [[nodiscard]] const std::vector<Path>& files() const { return files_; }

  /// Takes them out again, because the push was denied after all. Files that were there before are
  /// not in the list. REQUIRES: the writer queue has been held since they were published, so that
  /// no other push can have come to rest on them.
  Result<> remove();

 private:
  std::vector<Path> files_;
};

/// Objects of a push that is not accepted yet: readable, checked, and gone with this object.
///
/// Life: ingest → view() and require_connected() → make_durable(). The files lie in
/// objects/incoming-XXXXXX of the repository, which no git looks into.
/// Threads: one at a time.
class Quarantine {
 public:
  /// Scans `pack` (see pack_scan.h), runs `git index-pack --strict --fix-thin` on it in a child
  /// with limits, and bounds its delta chains. Without a pack, or with one of no objects, the
  /// quarantine is empty. Errors: kInvalidArgument (the pack is refused; the message says why),
  /// kNotFound (no such repository), kUnavailable (disk full, limits of the child met), kCorrupt
  /// (the repository's own objects are damaged).
  static Result<Quarantine> ingest(RepositoryStore& store, const RepositoryName& repository,
                                   const std::optional<PackInput>& pack,
                                   const IngestLimits& ingest_limits = {});

  Quarantine(Quarantine&&) noexcept = default;
  Quarantine& operator=(Quarantine&&) noexcept = default;

  /// The repository's objects and the new ones. Valid as long as the quarantine, also after
  /// make_durable.
  [[nodiscard]] const GitRepository& view() const { return *view_; }

  /// Proves that everything reachable from `new_tips` is here, given that everything reachable from
  /// `ledger_tips` is: `git rev-list --objects --not <ledger tips>` with explicit ids on standard
  /// input. Ref files are never consulted: a bad one would hide a hole.
  /// Errors: kInvalidArgument (an object is missing), kCorrupt (a ledger tip is missing, or an
  /// object of the repository itself is damaged).
  Result<> require_connected(std::span<const Oid> new_tips, std::span<const Oid> ledger_tips) const;

  /// Proves that everything reachable from `new_tips` and not from `readable_tips` came with this
  /// push. That an object lies in the repository is not enough for somebody who does not see all
  /// of it: naming a hidden object by its id in a commit of one's own, and fetching that commit,
  /// would read it. Implies require_connected. REQUIRES: ingested with `thin` off.
  /// Errors: kInvalidArgument (an object was not sent), kCorrupt as above.
  Result<> require_brought(std::span<const Oid> new_tips, std::span<const Oid> readable_tips) const;

  /// Moves the pack into the repository. When this returns the objects survive power loss.
  /// Steps: "objects.pack-sync" (fsync of .pack and .idx), "objects.move" (.pack, then .idx),
  /// "objects.sync-directory" (objects/pack, objects). REQUIRES: called once, under the
  /// repository's writer queue, which is held until the push is committed or
  /// PublishedObjects::remove returned. After an error the caller must assume that the objects may
  /// be there: they do no harm.
  Result<PublishedObjects> make_durable(DurableSteps& steps);

 private:
  /// Removes the folder, unless moved from.
  Quarantine(Path repository, TemporaryDirectory directory)
      : repository_(std::move(repository)), directory_(std::move(directory)) {}
  [[nodiscard]] std::unexpected<Error> refusal(std::string_view doing,
                                               const SubprocessResult& result) const;
  Result<> index_pack(const PackInput& pack, const IngestLimits& ingest_limits);
  Result<> run_index_pack(int fd, const IngestLimits& ingest_limits);
  Result<> move_pack(std::vector<Path>& published) const;

  Path repository_;
  TemporaryDirectory directory_;
  std::unique_ptr<GitRepository> view_;
  std::string pack_name_;  ///< "pack-<hex>", or empty
};

}  // namespace statehouse
