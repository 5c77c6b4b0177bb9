#pragma once

#include <string>

#include "crypto/base/json.h"

namespace statehouse {

/// A table of versions ({"versions": […]}), for people.
std::string versions_table(const Json& list);
/// All about one version, for people.
std::string describe_version(const Json& version);
/// A table of changed files ({"changes": […]}); with object ids when asked.
enum class ObjectIds { kHidden, kShown };
std::string changes_table(const Json& document, ObjectIds ids);

/// Identities joined by ", ", or "-".
std::string joined(const Json& object, std::string_view name);

}  // namespace statehouse
