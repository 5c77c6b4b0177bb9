#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/http/rest_json.h"

// Repositories, versions and what changed between them.

namespace statehouse {

namespace {

Result<Json> repository_json(Application& application, const HttpRequest& request,
                             const RepositoryName& name) {
  StateStore& store = application.store();
  const RepositoryView view = TRY(store.fetches().view(caller_of(request), name));
  const auto active = store.core().configuration.current();
  const Repository* declared = active->configuration.repository(name);
  Json refs = Json::array();
  for (const RefState& state : view.refs) {
    const auto version = TRY(store.core().ledger.read().version(state.key, state.version));
    refs.push_back({{"ref", state.key.ref.str()},
                    {"version", state.version},
                    {"commit", state.content->commit.hex()},
                    {"tree", state.content->tree.hex()},
                    {"time", version ? Json(version->time.rfc3339()) : Json(nullptr)}});
  }
  return Json{{"name", name.str()},
              {"description", declared != nullptr ? declared->description
                              : name.is_system()  ? "the store's own configuration"
                                                  : ""},
              {"defaultBranch", view.head ? Json(view.head->str()) : Json(nullptr)},
              {"refs", std::move(refs)}};
}

Result<HttpResponse> list_repositories(Application& application, HttpRequest& request) {
  const ListWindow window = TRY(window_parameter(request));
  const auto rows = TRY(application.store().core().ledger.read().readable_repositories());
  Json list = Json::array();
  std::uint64_t visible = 0;
  for (const RepositoryRecord& record : rows.records) {
    if (record.deleted) continue;
    Result<Json> json = repository_json(application, request, record.name);
    if (!json && json.error().code == ErrorCode::kNotFound) continue;
    if (!json) return std::unexpected(std::move(json).error());
    const std::uint64_t place = visible++;
    if (place >= window.first) list.push_back(*std::move(json));
    if (visible > window.end()) break;
  }
  std::optional<std::uint64_t> next;
  if (visible > window.end()) {
    next = window.end();
    list.erase(list.size() - 1);
  }
  return json_response(request, {{"repositories", std::move(list)}, {"next", cursor_json(next)}});
}

Result<HttpResponse> show_repository(Application& application, HttpRequest& request) {
  const RepositoryName name = TRY(repository_parameter(request));
  const Json json = TRY(repository_json(application, request, name));
  return json_response(request, json);
}

/// A ref whose past the caller may see.
Result<RefKey> readable_ref(Application& application, const HttpRequest& request) {
  RefKey key = TRY(ref_parameter(request));
  const auto state = TRY(application.store().core().ledger.read().ref(key));
  if (state && application.store().fetches().may_read(caller_of(request), key)) return key;
  return not_found("looking for " + key.str() + ": there is no such ref",
                   "check repository and ref, and that the token may read them");
}

Result<std::optional<std::string>> statement_digest(const Core& core,
                                                    const VersionRecord& version) {
  const auto statement = TRY(core.ledger.read().statement(version.key, version.version));
  if (!statement) return std::optional<std::string>();
  return std::optional(statement->payload_digest);
}

Result<VersionRecord> require_version(const Core& core, const RefKey& key, VersionNumber number) {
  auto version = TRY(core.ledger.read().version(key, number));
  if (version) return *std::move(version);
  return not_found("looking for a version: " + key.str() + " has no version " +
                   std::to_string(number));
}

Result<HttpResponse> list_versions(Application& application, HttpRequest& request) {
  const Core& core = application.store().core();
  const RefKey key = TRY(readable_ref(application, request));
  const std::size_t limit = TRY(limit_parameter(request));
  const auto cursor = TRY(cursor_parameter(request));
  const auto page = TRY(core.ledger.read().versions(key, cursor, limit));
  Json list = Json::array();
  for (const VersionRecord& version : page.records) {
    const auto statement = TRY(statement_digest(core, version));
    list.push_back(version_json(version, statement));
  }
  return json_response(request, {{"versions", std::move(list)}, {"next", cursor_json(page.next)}});
}

Result<HttpResponse> show_version(Application& application, HttpRequest& request) {
  const Core& core = application.store().core();
  const RefKey key = TRY(readable_ref(application, request));
  const std::uint64_t number = TRY(required_unsigned_parameter(request, "version"));
  const VersionRecord version = TRY(require_version(core, key, number));
  const auto statement = TRY(statement_digest(core, version));
  return json_response(request, version_json(version, statement));
}

Result<HttpResponse> diff_versions(Application& application, HttpRequest& request) {
  const Core& core = application.store().core();
  const RefKey key = TRY(readable_ref(application, request));
  const std::uint64_t from = TRY(required_unsigned_parameter(request, "from"));
  const std::uint64_t to = TRY(required_unsigned_parameter(request, "to"));
  std::optional<Oid> old_tree;
  if (from != 0) {
    const VersionRecord version = TRY(require_version(core, key, from));
    if (version.content) old_tree = version.content->tree;
  }
  const VersionRecord version = TRY(require_version(core, key, to));
  if (!version.content) {
    return invalid_argument("comparing versions: version " + std::to_string(to) +
                            " deleted the ref");
  }
  const PooledRepository repository = TRY(core.repositories.acquire(key.repository));
  const std::vector<TreeChange> changes =
      TRY(diff_trees(*repository, old_tree, version.content->tree));
  const Json list = TRY(changes_json(changes));
  return json_response(request, {{"repository", key.repository.str()},
                                 {"ref", key.ref.str()},
                                 {"from", from},
                                 {"to", to},
                                 {"changes", list}});
}

}  // namespace

void add_repository_routes(Application& application) {
  const auto get = [&](const char* pattern, Lane lane, auto handler) {
    application.add(
        Method::kGet, pattern, Access::kPublic, lane, 0,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  get("/v1/repositories", Lane::kQuick, list_repositories);
  get("/v1/repository", Lane::kQuick, show_repository);
  get("/v1/versions", Lane::kQuick, list_versions);
  get("/v1/version", Lane::kQuick, show_version);
  get("/v1/diff", Lane::kLong, diff_versions);
}

}  // namespace statehouse
