#pragma once

#include <string>

#include "api/http/application.h"

namespace statehouse {

/// The metrics of the running store in Prometheus text format 0.0.4. Names start with
/// `statehouse_`. Holds counts and times only: no repository, ref or identity names.
std::string metrics_text(Application& application);

}  // namespace statehouse
