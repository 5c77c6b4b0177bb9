#pragma once

#include <string>

namespace statehouse::test {

/// The YAML that the service tests declare in `system`; keys follow from the people's names.
extern const std::string kOrganisation;

}  // namespace statehouse::test
