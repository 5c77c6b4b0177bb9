#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// The file that remembers the newest checkpoint which the store signed, so that an older copy of
/// the ledger is found out. Internal to store/ledger.
///
/// Two slots of kSlotBytes, each a signed note and then zeros. A write goes to the slot that does
/// not hold the newest note, and changes neither the file's name nor its size: the cheapest durable
/// write there is. One that a power loss tears leaves the other slot, which is as good: nobody was
/// shown the newer checkpoint yet. A file of one slot, or of a note alone, is read too.
/// Threads: one at a time.
class HighWaterFile {
 public:
  static constexpr std::size_t kSlotBytes = 4096;
  using Slots = std::array<std::string, 2>;

  /// What the slots hold, without the zeros and not verified. Errors: kNotFound, kInvalidArgument
  /// (longer than two slots).
  static Result<Slots> read(const Path& path);

  /// Makes or replaces the file. Steps: "high-water.write", ".sync", ".rename", ".sync-directory".
  static Result<> create(const Path& path, std::string_view note, DurableSteps& steps);

  /// For writing. `newest` is the slot that the next write must leave alone.
  static Result<HighWaterFile> open(Path path, std::size_t newest);

  /// Durable when it returns. Steps: "high-water.write", "high-water.sync"; those of create() when
  /// somebody removed the file meanwhile.
  Result<> write(std::string_view note, DurableSteps& steps);

 private:
  HighWaterFile(Path path, FileDescriptor fd, std::size_t newest)
      : path_(std::move(path)), fd_(std::move(fd)), newest_(newest) {}

  [[nodiscard]] bool is_removed() const;

  Path path_;
  FileDescriptor fd_;
  std::size_t newest_;
};

}  // namespace statehouse
