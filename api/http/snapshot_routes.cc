#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/http/rest_json.h"
#include "crypto/base/encoding.h"

// What reconcilers read: head statements, snapshot bundles, archives.

namespace statehouse {

namespace {

constexpr std::chrono::seconds kStatementWaitMax{10};

std::string archive_url(const Application& application, const RefKey& key, VersionNumber version) {
  return application.options().public_url + "/v1/archive?repository=" + key.repository.str() +
         "&ref=" + key.ref.str() + "&version=" + std::to_string(version);
}

Result<HttpResponse> show_head(Application& application, HttpRequest& request) {
  const auto text = TRY(text_parameter(request, "repository"));
  std::optional<RepositoryName> repository;
  if (text) repository = TRY(RepositoryName::parse(*text));
  const SignedHead head =
      TRY(application.store().statements().head(caller_of(request), repository));
  const Json envelope = TRY(envelope_json(head.envelope));
  return json_response(request, envelope);
}

Result<HttpResponse> show_snapshot(Application& application, HttpRequest& request) {
  const RefKey key = TRY(ref_parameter(request));
  const auto version = TRY(unsigned_parameter(request, "version"));
  const auto since = TRY(unsigned_parameter(request, "since"));
  const SnapshotBundle bundle = TRY(application.store().statements().bundle(
      caller_of(request), key, version, since.value_or(0), kStatementWaitMax));
  const StatementRecord& statement = bundle.statement;
  Json json;
  json["statement"] = TRY(envelope_json(statement.envelope));
  json["entry"] = base64_encode(bundle.entry);
  json["proof"] = bundle.proof;
  json["head"] = nullptr;
  if (bundle.head) json["head"] = TRY(envelope_json(bundle.head->envelope));
  json["consistency"] = bundle.consistency ? hashes_json(*bundle.consistency) : Json(nullptr);
  json["archive"] = {{"url", archive_url(application, key, statement.version)},
                     {"sha256", statement.archive_digest},
                     {"size", statement.archive_bytes}};
  return json_response(request, json);
}

Result<HttpResponse> send_archive(Application& application, HttpRequest& request) {
  StateStore& store = application.store();
  const RefKey key = TRY(ref_parameter(request));
  const std::uint64_t number = TRY(required_unsigned_parameter(request, "version"));
  if (!store.fetches().may_read(caller_of(request), key)) {
    return not_found("looking for an archive: there is no " + key.str());
  }
  const StatementRecord statement =
      TRY(store.statements().wait_for(key, number, kStatementWaitMax));
  const auto version = TRY(store.core().ledger.read().version(key, number));
  const auto file = TRY(store.archives().open(key.repository, version->content->tree,
                                              statement.archive_digest, statement.archive_bytes));
  HttpResponse response =
      HttpResponse::with_file("application/x-tar", {file, 0, statement.archive_bytes});
  TRY(response.set_header("ETag", "\"" + statement.archive_digest + "\""));
  TRY(response.set_header("Cache-Control", "private, max-age=31536000, immutable"));
  return response;
}

}  // namespace

void add_snapshot_routes(Application& application) {
  const auto get = [&](const char* pattern, Lane lane, auto handler) {
    application.add(
        Method::kGet, pattern, Access::kPublic, lane, 0,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  get("/v1/head", Lane::kQuick, show_head);
  get("/v1/snapshot", Lane::kLong, show_snapshot);
  get("/v1/archive", Lane::kLong, send_archive);
}

}  // namespace statehouse
