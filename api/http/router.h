#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/message.h"
#include "crypto/base/error.h"

namespace statehouse {

/// Who may call a route. There is no default: a route that does not say cannot be built.
enum class Access {
  kPublic,         ///< anybody; the gate still learns who calls when credentials are present
  kAuthenticated,  ///< the gate must accept the caller; without credentials no body is read
  kControl,        ///< only over the control socket; over TCP it does not exist (404)
};

/// Which workers run a route. Polls never wait behind fetches.
enum class Lane {
  kQuick,  ///< milliseconds, no child process
  kLong,   ///< streams, spawns, waits for the disk
};

using Handler = std::function<Result<HttpResponse>(HttpRequest&)>;

/// One entry of the table.
///
/// A pattern is '/'-separated segments: a literal, `{name}` for one segment, or once `{name...}`
/// for one or more segments, after which only literals may follow:
/// `/v1/promotions/{number}`, `/git/{repository...}/info/refs`, `/log/tile/{path...}`.
/// A literal wins over `{name}`, `{name}` over `{name...}`, a longer literal tail over a shorter.
struct Route {
  Method method;
  std::string pattern;
  Access access;
  Lane lane;
  std::uint64_t body_bytes_max;  ///< after chunked decoding, and again after inflating; 0: no body
  Handler handler;
};

/// What a path leads to.
struct RouteMatch {
  const Route* route = nullptr;  ///< null: nothing (404), or other methods only (405)
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<Method> allowed;  ///< set when the path exists; HEAD is listed wherever GET is
};

/// The table of everything that can be asked. Built once, then read from any thread.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  /// Errors: kInvalidArgument (pattern), kConflict (the same method and shape exists).
  Result<> add(Route route);

  /// `path` as in HttpRequest. HEAD finds the GET route. Cost is bounded by the patterns' depth,
  /// never by the path's: no recursion on input, no regular expressions.
  [[nodiscard]] RouteMatch find(Method method, std::string_view path) const;

  /// Every route, in order of `add`, for tests and documents.
  [[nodiscard]] std::vector<const Route*> routes() const;

 private:
  struct Node;

  std::unique_ptr<Node> root_;
  std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace statehouse
