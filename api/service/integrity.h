#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "api/service/state_store.h"

namespace statehouse {

/// One thing `fsck` found.
struct IntegrityFinding {
  enum class Severity { kWarning, kError };
  Severity severity = Severity::kError;
  std::string where;
  std::string what;
  std::string fix;
};

struct IntegrityReport {
  std::vector<IntegrityFinding> findings;
  std::uint64_t entries = 0;
  std::uint64_t repositories = 0;
  std::uint64_t refs = 0;
  std::uint64_t objects = 0;
  std::uint64_t evidence = 0;
  std::uint64_t snapshots = 0;

  [[nodiscard]] bool ok() const;
};

using IntegrityProgress = std::function<Result<>(const std::string&)>;

enum class RefRepair { kReportOnly, kRepair };

/// Checks everything there is: the whole log against its checkpoints and against every table, every
/// move against the configuration that was in force, ref files against the ledger, every object of
/// every version re-hashed, every archive, every statement's signature and what it says. With
/// kRepair, ref files that differ are written from the ledger. Besides, a cached archive that is
/// damaged goes away (it is built again when asked for), and what is found is logged as
/// integrity.alarmed. `progress` gets a line now and then; it may be null. Takes minutes on large
/// stores; the store goes on serving.
///
/// What cannot be looked at is a finding, and the rest is looked at all the same. Errors: only
/// those of `progress`, which end the work.
Result<IntegrityReport> check_integrity(StateStore& store, RefRepair repair,
                                        const IntegrityProgress& progress);

}  // namespace statehouse
