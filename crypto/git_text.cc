#include "crypto/git_text.h"

#include "crypto/base/limits.h"

namespace statehouse {

namespace {

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a Git object: " + std::move(cause));
}

}  // namespace

Result<GitText> split_git_text(std::string_view raw) {
  if (raw.size() > limits::kCommitBytesMax) return malformed("it is too large");
  GitText text;
  std::size_t at = 0;
  while (true) {
    const std::size_t line_end = raw.find('\n', at);
    if (line_end == raw.npos) return malformed("its headers do not end in a blank line");
    const std::string_view line = raw.substr(at, line_end - at);
    at = line_end + 1;
    if (line.empty()) break;
    if (line.find('\0') != line.npos) return malformed("there is a NUL in its headers");
    const std::size_t space = line.find(' ');
    if (space == line.npos) return malformed("a header has no value");
    if (space == 0) {
      if (text.headers.empty()) return malformed("it starts with a continuation line");
      text.headers.back().value.append("\n").append(line.substr(1));
      text.header_ends.back() = at;
    } else {
      text.headers.push_back(
          {std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
      text.header_ends.push_back(at);
    }
  }
  text.headers_end = at - 1;
  text.body = raw.substr(at);
  return text;
}

}  // namespace statehouse
