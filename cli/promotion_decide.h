#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "crypto/statement.h"

namespace statehouse {

/// What `promotion approve` and `promotion reject` were asked to do.
struct DecideOptions {
  std::uint64_t number = 0;
  ApprovalVerdict verdict = ApprovalVerdict::kApprove;
  std::optional<std::string> key;
  std::string message;
  std::string expires;
  bool yes = false;
  std::string expect_tree;
  std::optional<std::string> trust;
  std::vector<std::string> drops;  ///< versions of the target whose own changes are given up
};

/// Reviews a promotion from its own objects, shows it, has the person agree (or takes --yes or
/// --expect-tree for that), signs the statement with the person's key and sends it.
/// Errors: kUnverified (the server's claims do not hold), kConflict (another tree than expected),
/// kInvalidArgument (nobody there to ask), kDenied (the person said no; or the server).
Result<> decide_promotion(Session& session, const DecideOptions& options);

}  // namespace statehouse
