#pragma once

#include "api/http/application.h"
#include "api/http/router.h"

namespace statehouse {

/// Honours `Idempotency-Key`: the first successful answer is kept for 24 hours and sent again to
/// the same request. A key belongs to one token, method and path; there, another body with the same
/// key is kConflict, and so is a request while the one before it is under way. Requests without the
/// header pass through. A crash between doing and keeping lets the request run twice: handlers
/// check state.
Handler once_per_key(Application& application, Handler handler);

}  // namespace statehouse
