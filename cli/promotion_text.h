#pragma once

#include <string>

#include "crypto/base/json.h"

namespace statehouse {

/// Its state, its phase and what blocks it: "open, blocked by approvals".
std::string describe_state(const Json& promotion);

/// A table of promotions ({"promotions": […]}), for people.
std::string promotions_table(const Json& list);

/// The reviewer's screen: number, route, state and what blocks it, commits with signers, approvals
/// against what is needed, failing rules, comments, and the command to type next. `changes`
/// ({"changes": […]}) may be null.
std::string describe_promotion(const Json& promotion, const Json& changes);

/// Its commits with their signers as the store judged them, one line each.
std::string commits_table(const Json& promotion);

/// Whether the server tells nothing of the target, because the caller may not read it.
bool is_target_hidden(const Json& promotion);

/// "platform refs/heads/audit abc… -> platform refs/heads/deploy (version 4, def…)".
std::string describe_route(const Json& promotion);

}  // namespace statehouse
