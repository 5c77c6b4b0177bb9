#pragma once

#include <string_view>

namespace statehouse {

/// The version of this program, as in the build's project() line.
inline constexpr std::string_view kProgramVersion = STATEHOUSE_VERSION;

/// The REST protocol that this program speaks (`protocol` in GET /v1/server).
inline constexpr int kProtocolVersion = 1;

}  // namespace statehouse
