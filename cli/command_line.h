#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"

namespace statehouse {

/// Splits a command as a shell would split plain words: by white space, with '…', "…" and \ for
/// quoting. There are no variables, patterns, pipes or substitutions: nothing is expanded, so no
/// content can become a command. Errors: kInvalidArgument (open quote, nothing there).
Result<std::vector<std::string>> split_command_line(std::string_view text);

}  // namespace statehouse
