#pragma once

#include <optional>

#include "api/service/state_store.h"

namespace statehouse {

/// What would be decided if `caller` pushed `commit`, which the repository has already, to `key` —
/// now, or at another time under today's configuration. Moves and logs nothing. Errors: kNotFound
/// (the commit is not there, or the caller may not read the ref).
Result<Decision> explain_update(StateStore& store, const AuthenticatedCaller& caller,
                                const RefKey& key, const Oid& commit, std::optional<Timestamp> at);

}  // namespace statehouse
