#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/http/rest_json.h"
#include "crypto/base/encoding.h"

// What reconcilers read: head statements, snapshot bundles, archives.

namespace statehouse {

namespace {

constexpr std::chrono::seconds kStatementWaitMax{10};
constexpr Milliseconds kNoWait{0};

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

/// What a resumed answer needs of its request.
std::shared_ptr<HttpRequest> without_body(const HttpRequest& request) {
  auto copy = std::make_shared<HttpRequest>();
  copy->method = request.method;
  copy->path = request.path;
  copy->query = request.query;
  copy->headers = request.headers;
  copy->caller = request.caller;
  copy->presence = request.presence;
  return copy;
}

using SnapshotHandler = Result<HttpResponse> (*)(Application&, const HttpRequest&);

/// Answers by `handler`, which never waits. While the statement that it needs is being prepared the
/// connection waits without a worker.
Result<HttpResponse> answer_or_park(Application& application, const HttpRequest& request,
                                    SnapshotHandler handler) {
  Result<HttpResponse> answer = handler(application, request);
  if (answer || answer.error().code != ErrorCode::kUnavailable) return answer;
  const RefKey key = TRY(ref_parameter(request));
  std::optional<VersionNumber> version = TRY(unsigned_parameter(request, "version"));
  if (!version) {
    const auto refs = application.store().core().refs.current();
    const RefState* state = refs->find(key);
    if (state == nullptr) return answer;
    version = state->version;
  }
  Parking parking;
  parking.wait_max = kStatementWaitMax;
  parking.subscribe = [&application, key, number = *version](Wake wake) {
    return application.store().statements().when_issued(key, number, std::move(wake));
  };
  parking.resume = [&application, handler, again = without_body(request)](
                       WakeReason) -> Result<HttpResponse> { return handler(application, *again); };
  return HttpResponse::parked(std::move(parking));
}

Result<HttpResponse> show_snapshot(Application& application, const HttpRequest& request) {
  const RefKey key = TRY(ref_parameter(request));
  const auto version = TRY(unsigned_parameter(request, "version"));
  const auto since = TRY(unsigned_parameter(request, "since"));
  const SnapshotBundle bundle = TRY(application.store().statements().bundle(
      caller_of(request), key, version, since.value_or(0), kNoWait));
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

Result<HttpResponse> send_archive(Application& application, const HttpRequest& request) {
  StateStore& store = application.store();
  const RefKey key = TRY(ref_parameter(request));
  const std::uint64_t number = TRY(required_unsigned_parameter(request, "version"));
  if (!store.fetches().may_read(caller_of(request), key)) {
    return not_found("looking for an archive: there is no " + key.str());
  }
  const StatementRecord statement = TRY(store.statements().wait_for(key, number, kNoWait));
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
  application.add(Method::kGet, "/v1/head", Access::kPublic, Lane::kQuick, 0,
                  [&application](HttpRequest& request) { return show_head(application, request); });
  const auto get = [&](const char* pattern, SnapshotHandler handler) {
    application.add(Method::kGet, pattern, Access::kPublic, Lane::kLong, 0,
                    [&application, handler](HttpRequest& request) {
                      return answer_or_park(application, request, handler);
                    });
  };
  get("/v1/snapshot", show_snapshot);
  get("/v1/archive", send_archive);
}

}  // namespace statehouse
