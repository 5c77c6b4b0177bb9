#pragma once

#include "api/service/state_store.h"
#include "cli/api_transport.h"
#include "cli/environment.h"

namespace statehouse {

/// Opens the store in `data`. Errors: those of StateStore::open.
Result<std::unique_ptr<StateStore>> open_store(const Path& data, const StateStoreOptions& options);

/// Answers one REST request on the data directory itself, as the host's operator, while no server
/// runs: takes the lock, opens the store as a server would, asks the same routes. This is the
/// program's Environment::run_local_request. Errors: those of StateStore::open (kUnavailable when
/// another process has the directory).
Result<ApiResponse> run_on_data(const Environment& environment, const Path& data,
                                const ApiRequest& request);

}  // namespace statehouse
