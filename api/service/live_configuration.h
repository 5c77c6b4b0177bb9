#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/openpgp.h"
#include "policy/configuration.h"
#include "store/git/git_repository.h"
#include "store/model/name.h"

namespace statehouse {

/// One version of the store's configuration with what judging needs. Immutable; share by
/// shared_ptr<const>.
struct ActiveConfiguration {
  VersionNumber version = 0;  ///< of `system`'s deploy ref
  Configuration configuration;
  /// The OpenPGP keys of all identities; none when there are none (then gpg is never run).
  std::optional<OpenPgpKeyring> openpgp;
  std::shared_ptr<TemporaryDirectory> openpgp_home;

  ActiveConfiguration(VersionNumber version_number, Configuration value)
      : version(version_number), configuration(std::move(value)) {}
};

/// Reads configurations out of `system` trees and holds the one that is in force. Threads: any.
class LiveConfiguration {
 public:
  /// `scratch` is a folder for gpg's throw-away homes; it outlives this object.
  explicit LiveConfiguration(Path scratch) : scratch_(std::move(scratch)) {}

  /// Reads the YAML files of `tree`. Diagnostics say file, line and reason.
  [[nodiscard]] std::expected<Configuration, Diagnostics> read(const GitRepository& system,
                                                               const Oid& tree) const;
  /// The same with another way to look at OpenPGP keys: one that remembers, for many trees.
  [[nodiscard]] static std::expected<Configuration, Diagnostics> read(
      const GitRepository& system, const Oid& tree, const OpenPgpInspector& inspect);

  /// Reads `tree` and puts it in force as `version`. Nothing changes when it cannot be read.
  /// Errors: kInvalidArgument with the first diagnostics; kUnavailable (gpg).
  Result<> activate(const GitRepository& system, const Oid& tree, VersionNumber version);

  /// What is in force. REQUIRES: `activate` succeeded once.
  [[nodiscard]] std::shared_ptr<const ActiveConfiguration> current() const;

  /// Set when what is in force is older than `system`'s deploy ref, which could not be read: reads
  /// go on, writes are refused.
  void set_stale(std::string reason);
  [[nodiscard]] std::optional<std::string> stale() const;

  /// Waits until a version newer than `version` is in force; false when that takes too long.
  bool wait_until_newer(VersionNumber version);

  /// How OpenPGP keys in resources are looked at.
  [[nodiscard]] OpenPgpInspector inspector() const;

 private:
  Path scratch_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::shared_ptr<const ActiveConfiguration> current_;
  std::optional<std::string> stale_;
};

}  // namespace statehouse
