#include "crypto/base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace statehouse {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid-argument";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kUnverified:
      return "unverified";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kInternal:
      return "internal";
  }
  STATEHOUSE_ASSERT(false);
}

Error Error::with_context(std::string_view doing) && {
  message.insert(0, std::string(doing) + ": ");
  return std::move(*this);
}

std::unexpected<Error> fail(ErrorCode code, std::string message, std::string fix) {
  return std::unexpected(Error{code, std::move(message), std::move(fix)});
}

namespace {

ErrorCode code_for_errno(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOMEM:
    case EROFS:
      return ErrorCode::kUnavailable;
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kConflict;
    case ENAMETOOLONG:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

Error errno_error(std::string_view doing, int errno_value) {
  // generic_category().message() is thread-safe where strerror() is not.
  return Error{code_for_errno(errno_value),
               std::string(doing) + ": " + std::generic_category().message(errno_value),
               {}};
}

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "statehouse: bug: %s:%d: assertion failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace statehouse
