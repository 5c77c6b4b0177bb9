#pragma once

#include <string>
#include <string_view>

#include "api/http/message.h"
#include "crypto/base/error.h"

namespace statehouse {

/// The HTTP status of a failure: invalid-argument 400, denied 403, not-found 404, conflict 409,
/// unverified 422, unavailable 503, corrupt and internal 500.
int http_status(ErrorCode code);

/// RFC 9457 application/problem+json: `status`, `code`, `title`, `detail`, and `fix` when there is
/// one. For corrupt and internal errors `detail` says only that the server's log has more.
/// kUnavailable adds `Retry-After: 1`.
HttpResponse problem(const Error& error);

/// A refusal by the HTTP layer itself: `status` chosen by the protocol, `code` by what the caller
/// can do. REQUIRES: 400 <= status < 600.
HttpResponse problem(int status, ErrorCode code, std::string_view detail,
                     std::string_view fix = {});

/// "Not Found". Empty for a status we never send.
std::string_view status_title(int status);

/// The same refusal as one line of text: what stock Git shows its user when it asked for refs
/// (http.c and remote-curl.c, show_http_message). REQUIRES: `refusal` is one of the above, or of
/// its form.
HttpResponse refusal_as_text(const HttpResponse& refusal);

}  // namespace statehouse
