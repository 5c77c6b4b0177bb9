#pragma once

#include "crypto/base/error.h"
#include "store/ledger/connection.h"
#include "store/ledger/verify.h"

namespace statehouse {

/// The work of verify_ledger_file over an open connection; internal to store/ledger.
Result<VerifyReport> verify_connection(LedgerConnection& connection, const VerifyOptions& options);

}  // namespace statehouse
