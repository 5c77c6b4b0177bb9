#pragma once

#include <cstdint>

namespace statehouse {

/// How a seal commit is signed. One commit carries one signature.
enum class SealFormat : std::uint8_t { kOpenPgp, kSsh };

}  // namespace statehouse
