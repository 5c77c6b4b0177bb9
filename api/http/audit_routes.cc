#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "crypto/base/encoding.h"
#include "crypto/tlog_proof.h"
#include "store/ledger/event.h"

// The audit log by REST: search, single entries with their evidence, proofs.

namespace statehouse {

namespace {

Result<std::optional<Timestamp>> time_parameter(const HttpRequest& request, std::string_view name) {
  const auto text = TRY(text_parameter(request, name));
  if (!text) return std::optional<Timestamp>();
  return std::optional(TRY_WITH("reading `" + std::string(name) + "`", Timestamp::parse(*text)));
}

Result<SearchQuery> query_of(const HttpRequest& request) {
  SearchQuery query;
  query.repository = TRY(text_parameter(request, "repository"));
  query.ref = TRY(text_parameter(request, "ref"));
  query.path = TRY(text_parameter(request, "path"));
  query.actor = TRY(text_parameter(request, "actor"));
  query.approver = TRY(text_parameter(request, "approver"));
  query.promotion = TRY(unsigned_parameter(request, "promotion"));
  query.key_fingerprint = TRY(text_parameter(request, "key"));
  const auto type = TRY(text_parameter(request, "type"));
  if (type) {
    const std::string full = type->starts_with("statehouse.") ? *type : "statehouse." + *type;
    query.type = TRY(parse_event_type(full));
  }
  const auto outcome = TRY(text_parameter(request, "outcome"));
  if (outcome && *outcome != "accepted" && *outcome != "denied") {
    return invalid_argument("reading `outcome`: it is accepted or denied");
  }
  if (outcome) {
    query.outcome = *outcome == "accepted" ? EntryOutcome::kAccepted : EntryOutcome::kDenied;
  }
  query.since = TRY(time_parameter(request, "since"));
  query.until = TRY(time_parameter(request, "until"));
  const auto text = TRY(text_parameter(request, "text"));
  query.text = text.value_or("");
  query.before = TRY(cursor_parameter(request));
  query.count_max = TRY(limit_parameter(request));
  return query;
}

Result<HttpResponse> search_entries(Application& application, HttpRequest& request) {
  TRY(require_auditor(application, request));
  StateStore& store = application.store();
  const SearchQuery query = TRY(query_of(request));
  // The index is behind by up to a second; whoever asks now wants to see now.
  TRY(store.index().follow(store.core().ledger.read()));
  const auto page = TRY(store.index().search(query));
  Json list = Json::array();
  for (const EntryIndex index : page.records) {
    const std::string bytes = TRY(store.core().ledger.read().entry(index));
    Json event = TRY(parse_json(bytes));
    list.push_back({{"index", index}, {"event", std::move(event)}});
  }
  return json_response(request, {{"entries", std::move(list)}, {"next", cursor_json(page.next)}});
}

Json evidence_json(const EvidenceRecord& evidence) {
  Json json = {{"name", evidence.name},     {"mediaType", evidence.media_type},
               {"digest", evidence.digest}, {"salt", nullptr},
               {"bytes", nullptr},          {"erased", !evidence.content.has_value()}};
  if (evidence.content) {
    json["salt"] = base64_encode(evidence.content->salt);
    json["bytes"] = base64_encode(evidence.content->bytes);
  }
  return json;
}

Result<HttpResponse> show_entry(Application& application, HttpRequest& request) {
  TRY(require_auditor(application, request));
  const LedgerReader& ledger = application.store().core().ledger.read();
  const std::uint64_t index = TRY(parse_unsigned(request.path_parameter("index")));
  const std::string bytes = TRY(ledger.entry(index));
  const auto evidence = TRY(ledger.evidence_of(index));
  Json event = TRY(parse_json(bytes));
  const auto leaf = TRY(ledger.leaf_hash(index));
  Json list = Json::array();
  for (const EvidenceRecord& record : evidence) list.push_back(evidence_json(record));
  return json_response(request, {{"index", index},
                                 {"event", std::move(event)},
                                 {"raw", base64_encode(bytes)},
                                 {"leafHash", hex_encode(leaf.bytes())},
                                 {"evidence", std::move(list)}});
}

Result<HttpResponse> prove_entry(Application& application, HttpRequest& request) {
  const LedgerReader& ledger = application.store().core().ledger.read();
  const std::uint64_t index = TRY(parse_unsigned(request.path_parameter("index")));
  const CheckpointRecord checkpoint = ledger.checkpoint();
  if (index >= checkpoint.size) {
    return not_found("proving entry " + std::to_string(index) + ": the log has " +
                     std::to_string(checkpoint.size) + " entries");
  }
  TlogProof proof{.index = index, .checkpoint = checkpoint.note};
  proof.hashes = TRY(ledger.inclusion_proof(index, checkpoint.size));
  return tagged_response(request, "text/plain; charset=utf-8", format_tlog_proof(proof),
                         "private, no-cache");
}

Result<HttpResponse> prove_consistency(Application& application, HttpRequest& request) {
  const std::uint64_t from = TRY(required_unsigned_parameter(request, "from"));
  const std::uint64_t to = TRY(required_unsigned_parameter(request, "to"));
  const auto proof = TRY(application.store().core().ledger.read().consistency_proof(from, to));
  return json_response(request, {{"from", from}, {"to", to}, {"proof", hashes_json(proof)}});
}

}  // namespace

void add_audit_routes(Application& application) {
  const auto get = [&](const char* pattern, Lane lane, auto handler) {
    application.add(
        Method::kGet, pattern, Access::kAuthenticated, lane, 0,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  get("/v1/entries", Lane::kLong, search_entries);
  get("/v1/entries/{index}", Lane::kQuick, show_entry);
  get("/v1/entries/{index}/proof", Lane::kQuick, prove_entry);
  get("/v1/log/consistency", Lane::kQuick, prove_consistency);
}

}  // namespace statehouse
