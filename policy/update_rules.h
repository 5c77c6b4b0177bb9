#pragma once

#include "policy/configuration.h"
#include "policy/decision.h"
#include "policy/facts.h"

namespace statehouse {

/// Adds everything that matching policies say of the move to `decision`: grants, force pushes,
/// deletions, commits. Shared by direct pushes and promotions. Private to policy/.
/// Returns false when the ref is ungoverned: then nothing else about it is worth saying.
bool judge_move(const Configuration& configuration, const UpdateFacts& facts, Decision& decision);

}  // namespace statehouse
