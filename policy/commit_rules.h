#pragma once

#include <vector>

#include "policy/configuration.h"
#include "policy/decision.h"
#include "policy/facts.h"

namespace statehouse {

/// Adds to `decision` what `policy.commits` says of `commits`: rules `signatures`, `signers` and
/// `committer-is-signer`, one result each however many commits fail. Seals and baselines satisfy
/// all three. Private to policy/. REQUIRES: `policy.commits` is set.
void judge_commits(const Configuration& configuration, const Policy& policy,
                   const std::vector<CommitFacts>& commits, Decision& decision);

}  // namespace statehouse
