#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/git_object.h"

namespace statehouse {

/// A commit or tag cut into its headers and its body, with where each header stands. What
/// crypto/git_object.h and the signature splitter share.
struct GitText {
  std::vector<GitHeader> headers;
  std::vector<std::size_t> header_ends;  ///< offset behind the last LF of each header
  std::size_t headers_end = 0;           ///< offset of the blank line
  std::string_view body;                 ///< behind the blank line; points into the raw bytes
};

/// Cuts at the first blank line. Each header is a name without spaces, one space and a value, and
/// goes on in lines that start with a space. Errors: kInvalidArgument (no blank line, a line that
/// is no header, a NUL in the headers, beyond limits::kCommitBytesMax).
Result<GitText> split_git_text(std::string_view raw);

}  // namespace statehouse
