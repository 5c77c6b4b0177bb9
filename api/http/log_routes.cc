#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/http/problem.h"
#include "crypto/tile.h"

// The transparency log as C2SP tlog-tiles: checkpoint and hash tiles for everybody, entries for
// auditors.

namespace statehouse {

namespace {

Result<HttpResponse> send_checkpoint(Application& application, HttpRequest& request) {
  const CheckpointRecord checkpoint = application.store().core().ledger.read().checkpoint();
  return tagged_response(request, "text/plain; charset=utf-8", checkpoint.note, "no-cache");
}

/// Nothing when the caller may read entry bundles, else the answer.
std::optional<HttpResponse> refuse_entries(Application& application, const HttpRequest& request) {
  const Result<> allowed = require_auditor(application, request);
  if (allowed) return std::nullopt;
  if (caller_of(request).via() == AuthenticatedCaller::Via::kAnonymous) {
    return unauthenticated(allowed.error());
  }
  return problem(allowed.error());
}

Result<HttpResponse> send_tile(Application& application, HttpRequest& request) {
  const Tile tile = TRY(parse_tile_path("tile/" + request.path_parameter("path")));
  const bool is_entries = tile.kind == Tile::Kind::kEntries;
  if (is_entries) {
    if (auto refusal = refuse_entries(application, request)) return *std::move(refusal);
  }
  const LedgerReader& ledger = application.store().core().ledger.read();
  Result<std::string> bytes = is_entries ? ledger.entry_bundle(tile.index, tile.width)
                                         : ledger.tile(tile.level, tile.index, tile.width);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  return tagged_response(
      request, "application/octet-stream", *std::move(bytes),
      is_entries ? "private, max-age=31536000, immutable" : "public, max-age=31536000, immutable");
}

}  // namespace

void add_log_routes(Application& application) {
  const auto get = [&](const char* pattern, auto handler) {
    application.add(
        Method::kGet, pattern, Access::kPublic, Lane::kQuick, 0,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  get("/log/checkpoint", send_checkpoint);
  get("/log/tile/{path...}", send_tile);
}

}  // namespace statehouse
