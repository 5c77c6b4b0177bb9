#pragma once

#include "api/http/application.h"
#include "api/http/router.h"

namespace statehouse {

/// What a repeated request is told.
enum class Repetition {
  kAnsweredAnew,  ///< the first answer's status, with what it named as the caller may read it now
  kNamed,         ///< kConflict that names what was made: its answer cannot be given twice
};

/// Keys of one token that are kept at a time; with more, keyed requests are kUnavailable.
inline constexpr std::uint64_t kKeptKeysMax = 10'000;

/// Honours `Idempotency-Key`: that a request succeeded, and what its answer names as its
/// Content-Location (a path that GET answers, or any name for kNamed), is kept for 24 hours; the
/// same request does nothing then. An answer that names nothing is not kept. A key belongs to one
/// token, method and path; there, another body with the same key is kConflict, and so is a request
/// while the one before it is under way. Requests without the header pass through. A crash between
/// doing and keeping lets the request run twice: handlers check state.
Handler once_per_key(Application& application, Handler handler,
                     Repetition repetition = Repetition::kAnsweredAnew);

}  // namespace statehouse
