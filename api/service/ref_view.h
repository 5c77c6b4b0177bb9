#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "store/ledger/records.h"
#include "store/model/name.h"

namespace statehouse {

/// The live refs of one repository at one moment. Immutable; snapshots share it until it changes.
struct RepositoryRefs {
  std::map<RefName, RefState> refs;  ///< deleted refs are not in it
  std::uint64_t generation = 0;      ///< rises with every change of this repository
};

/// Where every live governed ref stood at one moment. Immutable; share by shared_ptr<const>.
class RefSnapshot {
 public:
  [[nodiscard]] const RefState* find(const RefKey& key) const;
  /// The live refs of one repository, in order of their names.
  [[nodiscard]] std::vector<const RefState*> of(const RepositoryName& repository) const;
  /// All live refs, in order of their keys.
  [[nodiscard]] std::vector<const RefState*> all() const;
  /// 0 for a repository that never had a ref.
  [[nodiscard]] std::uint64_t generation_of(const RepositoryName& repository) const;

 private:
  friend class RefView;
  std::map<RepositoryName, std::shared_ptr<const RepositoryRefs>> repositories_;
};

/// What readers are served: the ledger's ref state, held in memory and switched once the ref files
/// of a move are written. Ref files are never read for serving. Threads: any.
class RefView {
 public:
  /// What is served now. Never null.
  [[nodiscard]] std::shared_ptr<const RefSnapshot> current() const;

  /// Replaces everything (at start).
  void reset(const std::vector<RefState>& states);

  /// Switches to the new states of one committed move, all at once.
  void apply(const std::vector<RefState>& states);

  /// Calls `listener` after every change, on the changing thread; it must not block. Returns a
  /// number for `unsubscribe`.
  std::uint64_t subscribe(std::function<void()> listener);
  void unsubscribe(std::uint64_t subscription);

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<const RefSnapshot> current_ = std::make_shared<RefSnapshot>();
  std::map<std::uint64_t, std::function<void()>> listeners_;
  std::uint64_t next_subscription_ = 1;
};

}  // namespace statehouse
