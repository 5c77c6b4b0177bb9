#pragma once

#include <string_view>

namespace statehouse {

/// schemas/openapi.json as it was when the program was built (the build generates its definition).
extern const std::string_view kOpenApiDocument;

}  // namespace statehouse
