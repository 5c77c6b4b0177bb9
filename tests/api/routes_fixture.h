#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/application.h"
#include "crypto/base/json.h"
#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

/// What a route answered; the status is the one that the dispatcher would send.
struct RouteAnswer {
  int status = 0;
  Json body;                   ///< null when it is no JSON
  std::optional<Error> error;  ///< of a request that failed
  std::string etag;            ///< empty when there is none

  [[nodiscard]] std::string words() const { return error ? error->message : ""; }
};

/// The routes over the small organisation's store, asked without a socket by callers who were
/// recognised already.
class RoutesFixture : public ServiceFixture {
 public:
  RoutesFixture() : application(*store, {.public_url = "", .version = "test"}) {}

  /// `path` may end in a query of plain words ("?limit=1").
  RouteAnswer ask(const AuthenticatedCaller& caller, Method method, const std::string& path,
                  const std::string& body = "", const std::vector<HeaderField>& headers = {});
  RouteAnswer get(const AuthenticatedCaller& caller, const std::string& path) {
    return ask(caller, Method::kGet, path);
  }
  RouteAnswer post(const AuthenticatedCaller& caller, const std::string& path, const Json& body,
                   const std::vector<HeaderField>& headers = {}) {
    return ask(caller, Method::kPost, path, dump_json(body), headers);
  }
  static std::string promotion_path(PromotionNumber number, const std::string& rest = "") {
    return "/v1/promotions/" + std::to_string(number) + rest;
  }

  Application application;
};

}  // namespace statehouse::test
