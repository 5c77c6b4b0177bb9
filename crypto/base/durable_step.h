#pragma once

#include <string_view>
#include <utility>

#include "crypto/base/error.h"

namespace statehouse {

/// A watcher of the moments at which something becomes durable.
///
/// Every file written, synced or renamed, and every ledger commit, passes through `durable_step`
/// with a fixed name. The product passes a watcher that does nothing; the torture tests pass one
/// that kills the process, or fails the step, before or after its effect. Threads: any.
class DurableSteps {
 public:
  virtual ~DurableSteps() = default;

  /// Called before the effect. An error stands for "the effect did not happen".
  virtual Result<> before(std::string_view step) = 0;

  /// Called after the effect. An error stands for "it happened, but the answer was lost".
  virtual Result<> after(std::string_view step) = 0;
};

/// Lets every step pass.
class UnwatchedSteps final : public DurableSteps {
 public:
  Result<> before(std::string_view /*step*/) override { return {}; }
  Result<> after(std::string_view /*step*/) override { return {}; }
};

/// Runs `effect` (a callable returning Result<>) as the durable step called `step`.
template <typename Effect>
Result<> durable_step(DurableSteps& steps, std::string_view step, Effect&& effect) {
  TRY(steps.before(step));
  TRY(std::forward<Effect>(effect)());
  return steps.after(step);
}

}  // namespace statehouse
