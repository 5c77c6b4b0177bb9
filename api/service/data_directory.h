#pragma once

#include <string>
#include <utility>

#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// The names inside a data directory (docs/architecture.md). A value; does no I/O.
struct DataLayout {
  Path root;

  [[nodiscard]] Path lock() const { return root / "lock"; }
  [[nodiscard]] Path ledger() const { return root / "ledger.db"; }
  [[nodiscard]] Path high_water() const { return root / "high-water"; }
  [[nodiscard]] Path index() const { return root / "index.db"; }
  [[nodiscard]] Path keys() const { return root / "keys"; }
  [[nodiscard]] Path trust() const { return root / "trust.json"; }
  [[nodiscard]] Path archives() const { return root / "snapshots" / "sha256"; }
  [[nodiscard]] Path scratch() const { return root / "tmp"; }
  [[nodiscard]] Path control_socket() const { return root / "control.sock"; }
};

/// The right to use a data directory: one process at a time. Held until destroyed.
class DataDirectory {
 public:
  /// Checks that `root` is a directory of ours (0700, not a link) and locks it.
  /// Errors: kNotFound (nothing there, or no store in it), kUnavailable (another process has it),
  /// kDenied (others may read it).
  static Result<DataDirectory> open(const Path& root);

  [[nodiscard]] const DataLayout& layout() const { return layout_; }

 private:
  DataDirectory(DataLayout layout, FileLock lock)
      : layout_(std::move(layout)), lock_(std::move(lock)) {}

  DataLayout layout_;
  FileLock lock_;
};

}  // namespace statehouse
