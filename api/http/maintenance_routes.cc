#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/service/explain.h"
#include "api/service/integrity.h"
#include "crypto/base/limits.h"

// What the host's operator asks for, and questions about policy.

namespace statehouse {

namespace {

Json report_json(const IntegrityReport& report) {
  Json findings = Json::array();
  for (const IntegrityFinding& finding : report.findings) {
    const bool is_error = finding.severity == IntegrityFinding::Severity::kError;
    findings.push_back({{"severity", is_error ? "error" : "warning"},
                        {"where", finding.where},
                        {"what", finding.what},
                        {"fix", finding.fix}});
  }
  return {{"ok", report.ok()},
          {"findings", std::move(findings)},
          {"checked",
           {{"entries", report.entries},
            {"repositories", report.repositories},
            {"refs", report.refs},
            {"objects", report.objects},
            {"evidence", report.evidence},
            {"snapshots", report.snapshots}}}};
}

Result<HttpResponse> run_fsck(Application& application, HttpRequest& request) {
  const Json body = TRY(read_json_body(request, {"repairRefs"}));
  bool repair_refs = false;
  if (body.contains("repairRefs")) repair_refs = TRY(json_boolean(body, "repairRefs"));
  const IntegrityReport report = TRY(check_integrity(
      application.store(), repair_refs ? RefRepair::kRepair : RefRepair::kReportOnly, nullptr));
  return json_response(request, report_json(report));
}

Result<HttpResponse> run_reindex(Application& application, HttpRequest& request) {
  TRY(read_json_body(request, {}));
  StateStore& store = application.store();
  TRY(store.index().rebuild(store.core().ledger.read()));
  const EntryIndex size = TRY(store.index().indexed_size());
  return json_response(request, {{"entries", size}});
}

Result<HttpResponse> explain_policy(Application& application, HttpRequest& request) {
  const Json body = TRY(read_json_body(request, {"repository", "ref", "commit", "at"}));
  const std::string repository_text = TRY(json_string(body, "repository"));
  const std::string ref_text = TRY(json_string(body, "ref"));
  const std::string commit_text = TRY(json_string(body, "commit"));
  RepositoryName repository = TRY(RepositoryName::parse(repository_text));
  RefName ref = TRY(RefName::parse(ref_text));
  const Oid commit = TRY(Oid::parse(commit_text));
  std::optional<Timestamp> at;
  const auto at_text = TRY(optional_string(body, "at"));
  if (at_text) at = TRY(Timestamp::parse(*at_text));
  const Decision decision =
      TRY(explain_update(application.store(), caller_of(request),
                         RefKey{std::move(repository), std::move(ref)}, commit, at));
  return json_response(request, {{"decision", to_json(decision)}});
}

}  // namespace

void add_maintenance_routes(Application& application) {
  const auto post = [&](const char* pattern, Access access, auto handler) {
    application.add(
        Method::kPost, pattern, access, Lane::kLong, limits::kJsonBodyBytesMax,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  post("/v1/fsck", Access::kControl, run_fsck);
  post("/v1/reindex", Access::kControl, run_reindex);
  post("/v1/policy/explain", Access::kAuthenticated, explain_policy);
}

}  // namespace statehouse
