#pragma once

#include "cli/api_transport.h"
#include "cli/environment.h"

namespace statehouse {

/// Answers one REST request on the data directory itself, as the host's operator, while no server
/// runs: takes the lock, opens the store as a server would, asks the same routes. This is the
/// program's Environment::run_local_request. Errors: those of StateStore::open (kUnavailable when
/// another process has the directory).
Result<ApiResponse> run_on_data(const Environment& environment, const Path& data,
                                const ApiRequest& request);

}  // namespace statehouse
