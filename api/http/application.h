#pragma once

#include <string>

#include "api/http/dispatcher.h"
#include "api/http/fetch_cache.h"
#include "api/http/metrics.h"
#include "api/http/requests_under_way.h"
#include "api/http/router.h"
#include "api/service/state_store.h"

namespace statehouse {

/// How the server describes itself.
struct ApplicationOptions {
  std::string public_url;  ///< "https://store.example.org", without a final slash; may be empty
  std::string version;     ///< of the program
};

/// All routes of the server over one store: parse, call the service, render. Knows nothing of
/// sockets, so the same table answers the network, the control socket and commands without a
/// server. Threads: any.
class Application {
 public:
  /// `store` outlives the application.
  Application(StateStore& store, ApplicationOptions options);
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  [[nodiscard]] const Router& router() const { return router_; }
  /// Finds out who calls: a token as Bearer or Basic, or the control socket.
  [[nodiscard]] Gate gate();

  [[nodiscard]] StateStore& store() { return store_; }
  [[nodiscard]] const ApplicationOptions& options() const { return options_; }
  [[nodiscard]] FetchCache& fetch_cache() { return fetch_cache_; }
  [[nodiscard]] RequestsUnderWay& requests_under_way() { return requests_under_way_; }

  /// The front end's counters for /metrics; none when there is no front end.
  void set_http_metrics(const HttpMetrics* metrics) { http_metrics_ = metrics; }
  [[nodiscard]] const HttpMetrics* http_metrics() const { return http_metrics_; }

  /// Adds a route of the table. A pattern that does not fit is a bug.
  void add(Method method, std::string pattern, Access access, Lane lane,
           std::uint64_t body_bytes_max, Handler handler);

 private:
  StateStore& store_;
  ApplicationOptions options_;
  Router router_;
  FetchCache fetch_cache_;
  RequestsUnderWay requests_under_way_;
  const HttpMetrics* http_metrics_ = nullptr;
};

// One function per group of routes.
void add_audit_routes(Application& application);
void add_git_routes(Application& application);
void add_log_routes(Application& application);
void add_maintenance_routes(Application& application);
void add_promotion_routes(Application& application);
void add_repository_routes(Application& application);
void add_snapshot_routes(Application& application);
void add_status_routes(Application& application);
void add_token_routes(Application& application);

}  // namespace statehouse
