#pragma once

#include "api/service/core.h"
#include "store/git/quarantine.h"

namespace statehouse {

/// Brings `commit`, with everything reachable from it, from one repository of the store into a
/// quarantine of another, as a push would: scanned, checked by `git index-pack --strict`. For flows
/// between repositories. Errors: as Quarantine::ingest and run_upload_pack.
Result<Quarantine> transfer_commit(const Core& core, const RepositoryName& from,
                                   const RepositoryName& to, const Oid& commit);

}  // namespace statehouse
