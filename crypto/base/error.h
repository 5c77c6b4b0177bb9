#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace statehouse {

/// What a caller can do about a failure. The set is closed: HTTP statuses and exit codes are
/// chosen by a `switch` without `default`, so a new code fails the build until each has an answer.
enum class ErrorCode {
  kInvalidArgument,  ///< the input is wrong; change it
  kNotFound,         ///< nothing is there, or the caller may not know that it is
  kConflict,         ///< something moved; read again and decide again
  kDenied,           ///< policy or permission says no
  kUnverified,       ///< a signature, digest or proof does not hold
  kUnavailable,      ///< not now (busy, disk full, stale, shutting down); retry unchanged
  kCorrupt,          ///< what we stored is not what we read; an operator must look
  kInternal,         ///< a failure that is none of the above
};

/// The stable lower-case name of `code` ("invalid-argument"), as it appears in JSON.
std::string_view error_code_name(ErrorCode code);

/// A failure as a value.
///
/// `message` is lower case, reads `doing: cause`, holds no secret, and every byte that came from
/// outside was passed through `escape_for_message`. `fix` says what to do next and may be empty.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string fix;

  /// The same error with "`doing`: " put in front of its message.
  [[nodiscard]] Error with_context(std::string_view doing) &&;
};

template <typename T = void>
using Result = std::expected<T, Error>;

/// Shorthands that build the failing side of any Result.
std::unexpected<Error> fail(ErrorCode code, std::string message, std::string fix = {});
inline std::unexpected<Error> invalid_argument(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kInvalidArgument, std::move(message), std::move(fix));
}
inline std::unexpected<Error> not_found(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kNotFound, std::move(message), std::move(fix));
}
inline std::unexpected<Error> conflict(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kConflict, std::move(message), std::move(fix));
}
inline std::unexpected<Error> denied(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kDenied, std::move(message), std::move(fix));
}
inline std::unexpected<Error> unverified(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kUnverified, std::move(message), std::move(fix));
}
inline std::unexpected<Error> unavailable(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kUnavailable, std::move(message), std::move(fix));
}
inline std::unexpected<Error> corrupt(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kCorrupt, std::move(message), std::move(fix));
}
inline std::unexpected<Error> internal_error(std::string message, std::string fix = {}) {
  return fail(ErrorCode::kInternal, std::move(message), std::move(fix));
}

/// `doing: strerror(errno_value)`. ENOSPC, EDQUOT, EMFILE, ENFILE and EAGAIN are kUnavailable,
/// ENOENT is kNotFound, EEXIST kConflict, ENAMETOOLONG kInvalidArgument, everything else kInternal.
Error errno_error(std::string_view doing, int errno_value);

/// Prints `condition` and aborts. Only for bugs; never reachable from input.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace statehouse

/// Aborts when `condition` is false, in every build.
#define STATEHOUSE_ASSERT(condition)  \
  ((condition) ? static_cast<void>(0) \
               : ::statehouse::assertion_failed(#condition, __FILE__, __LINE__))

// Unique names, so that a TRY inside a lambda inside a TRY does not shadow.
#define STATEHOUSE_CONCAT_INNER(a, b) a##b
#define STATEHOUSE_CONCAT(a, b) STATEHOUSE_CONCAT_INNER(a, b)
#define STATEHOUSE_TRY(name, on_error, ...)   \
  __extension__({                             \
    auto name = (__VA_ARGS__);                \
    if (!name) {                              \
      return std::unexpected(on_error(name)); \
    }                                         \
    *std::move(name);                         \
  })
#define STATEHOUSE_TRY_ERROR(name) std::move(name).error()

/// Evaluates a Result; yields its value, or returns its error from the enclosing function.
/// Use it as a whole statement or a whole initializer (`const Oid oid = TRY(parse(text));`), never
/// inside a larger expression: a return from the middle of one would skip destructors in g++ 12.
#define TRY(...) \
  STATEHOUSE_TRY(STATEHOUSE_CONCAT(try_result_, __COUNTER__), STATEHOUSE_TRY_ERROR, __VA_ARGS__)

/// Like TRY, and puts "`doing`: " in front of the error's message.
#define TRY_WITH(doing, ...)                                                                     \
  STATEHOUSE_TRY(                                                                                \
      STATEHOUSE_CONCAT(try_result_, __COUNTER__),                                               \
      [&](auto& failed_result) { return std::move(failed_result).error().with_context(doing); }, \
      __VA_ARGS__)
