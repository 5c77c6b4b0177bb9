#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/http/metrics_text.h"
#include "api/http/openapi_document.h"

// Who the server is, how it does, and who asks.

namespace statehouse {

namespace {

Result<HttpResponse> show_server(Application& application, HttpRequest& request) {
  const Core& core = application.store().core();
  return json_response(request, {{"version", application.options().version},
                                 {"origin", core.ledger.origin()},
                                 {"epoch", core.ledger.epoch()},
                                 {"publicUrl", application.options().public_url},
                                 {"protocol", 1}});
}

Result<HttpResponse> show_caller(Application& application, HttpRequest& request) {
  const AuthenticatedCaller& caller = caller_of(request);
  const auto active = application.store().core().configuration.current();
  Json groups = Json::array();
  for (const Group& group : active->configuration.groups()) {
    if (caller.identity() &&
        active->configuration.is_member(*caller.identity(), group.name.str())) {
      groups.push_back(group.name.str());
    }
  }
  return json_response(
      request, {{"identity", caller.identity() ? Json(caller.identity()->str()) : Json(nullptr)},
                {"groups", std::move(groups)},
                {"scope", name_of(caller.scope())},
                {"token", caller.token_id().empty() ? Json(nullptr) : Json(caller.token_id())},
                {"expires", caller.expires() ? Json(caller.expires()->rfc3339()) : Json(nullptr)},
                {"via", caller.via_name()}});
}

Result<HttpResponse> send_trust(Application& application, HttpRequest& request) {
  return tagged_response(request, "application/json", application.store().trust().bytes(),
                         "no-cache");
}

Result<HttpResponse> answer_health(Application& /*application*/, HttpRequest& /*request*/) {
  return HttpResponse::with_body(200, "application/json", "{\"ok\":true}");
}

/// Ready while anything can be served; what cannot is in `degraded`.
Result<HttpResponse> answer_readiness(Application& application, HttpRequest& request) {
  Json degraded = Json::array();
  // Where it is names repositories and refs: not for everybody who asks. Why is in the server's
  // log.
  const AuthenticatedCaller& caller = caller_of(request);
  const bool known = caller.via() != AuthenticatedCaller::Via::kAnonymous && !caller.is_narrowed();
  for (const Alarm& alarm : application.store().core().alarms.list()) {
    degraded.push_back({{"what", alarm.what},
                        {"where", known ? Json(alarm.where) : Json(nullptr)},
                        {"since", alarm.since.rfc3339()}});
  }
  const Core& core = application.store().core();
  const LedgerHealth health = core.ledger.health();
  if (health.clock) {
    degraded.push_back(
        {{"what", "clock"}, {"where", nullptr}, {"since", health.clock_since->rfc3339()}});
  }
  const bool is_writable = !health.stopped && !health.clock;
  return json_response(
      request, {{"ready", true}, {"writable", is_writable}, {"degraded", std::move(degraded)}});
}

Result<HttpResponse> send_metrics(Application& application, HttpRequest& /*request*/) {
  return HttpResponse::with_body(200, "text/plain; version=0.0.4; charset=utf-8",
                                 metrics_text(application));
}

Result<HttpResponse> send_openapi(Application& /*application*/, HttpRequest& request) {
  return tagged_response(request, "application/json", std::string(kOpenApiDocument), "no-cache");
}

}  // namespace

void add_status_routes(Application& application) {
  const auto get = [&](const char* pattern, Access access, auto handler) {
    application.add(
        Method::kGet, pattern, access, Lane::kQuick, 0,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  get("/v1/server", Access::kPublic, show_server);
  get("/v1/whoami", Access::kAuthenticated, show_caller);
  get("/trust.json", Access::kPublic, send_trust);
  get("/healthz", Access::kPublic, answer_health);
  get("/readyz", Access::kPublic, answer_readiness);
  get("/metrics", Access::kPublic, send_metrics);
  get("/openapi.json", Access::kPublic, send_openapi);
}

}  // namespace statehouse
