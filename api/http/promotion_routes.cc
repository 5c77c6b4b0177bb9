#include "api/http/application.h"
#include "api/http/handler_support.h"
#include "api/http/idempotency.h"
#include "api/http/rest_json.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/dsse.h"
#include "store/git/tree_diff.h"

// Promotions: opened, reviewed, approved, merged.

namespace statehouse {

namespace {

Result<PromotionNumber> number_in_path(const HttpRequest& request) {
  return parse_unsigned(request.path_parameter("number"));
}

TargetView target_view(Application& application, const HttpRequest& request,
                       const PromotionRecord& record) {
  const PromotionService& promotions = application.store().promotions();
  return promotions.may_see_target(caller_of(request), record) ? TargetView::kShown
                                                               : TargetView::kHidden;
}

/// What is compared with the target, or signed over it, is for those who may read it.
Result<> require_target(Application& application, const HttpRequest& request,
                        const PromotionRecord& record, std::string_view doing) {
  if (target_view(application, request, record) == TargetView::kShown) return {};
  return denied(std::string(doing) + " promotion " + std::to_string(record.number) +
                    ": its target " + record.target.str() + " may not be read",
                "ask for the right to read the target, or somebody who has it");
}

Result<Json> full_json(Application& application, const HttpRequest& request,
                       PromotionNumber number) {
  StateStore& store = application.store();
  const PromotionSituation situation =
      TRY(store.promotions().situation(caller_of(request), number));
  const LedgerReader& ledger = store.core().ledger.read();
  const std::vector<CommentRecord> comments = TRY(ledger.comments(number));
  std::optional<VersionRecord> merged;
  if (situation.record.merged_version) {
    merged = TRY(ledger.version(situation.record.target, *situation.record.merged_version));
  }
  return promotion_json(situation, comments, merged,
                        target_view(application, request, situation.record));
}

/// The promotion as it is now, or why it was refused.
Result<HttpResponse> answer_outcome(Application& application, const HttpRequest& request,
                                    const PromotionOutcome& outcome, std::string_view doing,
                                    int status) {
  if (outcome.refusal) {
    Decision decision = outcome.refusal->decision;
    // A promotion that was not opened has no number, and was judged without its target.
    if (outcome.number != 0) {
      const PromotionRecord record =
          TRY(application.store().core().ledger.read().promotion(outcome.number));
      hide_target(decision, target_view(application, request, record));
    }
    return decision_problem(doing, decision, outcome.refusal->entry);
  }
  const Json json = TRY(full_json(application, request, outcome.number));
  HttpResponse response = TRY(json_response(request, json, status));
  TRY(response.set_header("Content-Location", "/v1/promotions/" + std::to_string(outcome.number)));
  return response;
}

Result<HttpResponse> open_promotion(Application& application, HttpRequest& request) {
  const Json body =
      TRY(read_json_body(request, {"flow", "repository", "ref", "commit", "title", "message"}));
  const std::string flow_text = TRY(json_string(body, "flow"));
  const ResourceName flow = TRY(ResourceName::parse(flow_text));
  OpenPromotion open{.flow = flow};
  const auto ref = TRY(optional_string(body, "ref"));
  if (ref) open.source_ref = TRY(RefName::parse(*ref));
  const auto commit = TRY(optional_string(body, "commit"));
  if (commit) open.commit = TRY(Oid::parse(*commit));
  const auto title = TRY(optional_string(body, "title"));
  const auto message = TRY(optional_string(body, "message"));
  open.title = title.value_or("");
  open.message = message.value_or("");
  open.repository = TRY(optional_string(body, "repository"));
  const PromotionOutcome outcome =
      TRY(application.store().promotions().open(caller_of(request), open));
  return answer_outcome(application, request, outcome, "opening a promotion", 201);
}

Result<PromotionQuery> query_of(const HttpRequest& request) {
  PromotionQuery query;
  const auto state = TRY(text_parameter(request, "state"));
  if (!state) {
    query.state = PromotionState::kOpen;
  } else if (*state != "all") {
    query.state = TRY(parse_promotion_state(*state));
  }
  query.flow = TRY(text_parameter(request, "flow"));
  query.before = TRY(cursor_parameter(request));
  query.count_max = TRY(limit_parameter(request, 100));
  return query;
}

Result<HttpResponse> list_promotions(Application& application, HttpRequest& request) {
  StateStore& store = application.store();
  const AuthenticatedCaller& caller = caller_of(request);
  const PromotionQuery query = TRY(query_of(request));
  const auto waiting_for = TRY(text_parameter(request, "waitingFor"));
  const auto repository = TRY(text_parameter(request, "repository"));
  if (waiting_for && *waiting_for != "me") {
    return invalid_argument("listing promotions: `waitingFor` can only be `me`");
  }
  const auto page = TRY(store.core().ledger.read().promotions(query));
  Json list = Json::array();
  for (const PromotionRecord& record : page.records) {
    if (repository && record.target.repository.str() != *repository) continue;
    if (!store.promotions().may_see(caller, record)) continue;
    const auto situation = store.promotions().situation(caller, record.number);
    if (!situation) {
      // One that cannot be looked at must not hide the others.
      if (!waiting_for) {
        list.push_back(unreadable_promotion_json(record, situation.error().message));
      }
      continue;
    }
    const bool mine = caller.identity() && is_waiting_for(*situation, *caller.identity());
    if (waiting_for && !mine) continue;
    list.push_back(promotion_summary_json(*situation, target_view(application, request, record)));
  }
  return json_response(request,
                       {{"promotions", std::move(list)}, {"next", cursor_json(page.next)}});
}

Result<HttpResponse> show_promotion(Application& application, HttpRequest& request) {
  const PromotionNumber number = TRY(number_in_path(request));
  const Json json = TRY(full_json(application, request, number));
  return json_response(request, json);
}

Result<HttpResponse> show_changes(Application& application, HttpRequest& request) {
  StateStore& store = application.store();
  const PromotionNumber number = TRY(number_in_path(request));
  const PromotionSituation situation =
      TRY(store.promotions().situation(caller_of(request), number));
  TRY(require_target(application, request, situation.record, "listing the changes of"));
  const PooledRepository source =
      TRY(store.core().repositories.acquire(situation.record.source.repository));
  const PooledRepository target =
      TRY(store.core().repositories.acquire(situation.record.target.repository));
  std::optional<Oid> base_tree;
  if (situation.facts.base) {
    const GitCommit base = TRY(target->read_commit(*situation.facts.base));
    base_tree = base.tree;
  }
  // Trees of another repository are only there once something was promoted from it.
  const bool in_source = !base_tree || source->has_object(*base_tree);
  const std::vector<TreeChange> changes =
      TRY(diff_trees(in_source ? *source : *target, base_tree, situation.record.tree));
  const Json list = TRY(changes_json(changes));
  return json_response(request, {{"number", number}, {"changes", list}});
}

Result<HttpResponse> show_statement(Application& application, HttpRequest& request) {
  const PromotionNumber number = TRY(number_in_path(request));
  const PromotionSituation situation =
      TRY(application.store().promotions().situation(caller_of(request), number));
  TRY(require_target(application, request, situation.record, "reading the statement of"));
  ApprovalStatement statement = situation.statement;
  const auto verdict = TRY(text_parameter(request, "verdict"));
  if (verdict == "reject") {
    statement.verdict = ApprovalVerdict::kReject;
  } else if (verdict && *verdict != "approve") {
    return invalid_argument("reading `verdict`: it is approve or reject");
  }
  return json_response(request, {{"payload", base64_encode(statement.payload())},
                                 {"payloadType", kInTotoPayloadType}});
}

Result<HttpResponse> update_promotion(Application& application, HttpRequest& request) {
  const PromotionNumber number = TRY(number_in_path(request));
  const Json body = TRY(read_json_body(request, {"commit"}));
  const std::string text = TRY(json_string(body, "commit"));
  const Oid commit = TRY(Oid::parse(text));
  const PromotionOutcome outcome =
      TRY(application.store().promotions().update(caller_of(request), number, commit));
  return answer_outcome(application, request, outcome, "updating the promotion", 200);
}

Result<HttpResponse> approve_promotion(Application& application, HttpRequest& request) {
  const PromotionNumber number = TRY(number_in_path(request));
  const Json body = TRY(read_json_body(request, {"envelope"}));
  const Json* envelope = TRY(json_member(body, "envelope"));
  PromotionService& promotions = application.store().promotions();
  const Result<PromotionRecord> record = application.store().core().ledger.read().promotion(number);
  if (record && promotions.may_see(caller_of(request), *record)) {
    TRY(require_target(application, request, *record, "judging"));
  }
  const PromotionOutcome outcome =
      TRY(promotions.approve(caller_of(request), number, dump_json(*envelope)));
  return answer_outcome(application, request, outcome, "approving the promotion", 200);
}

Result<HttpResponse> comment_promotion(Application& application, HttpRequest& request) {
  const PromotionNumber number = TRY(number_in_path(request));
  const Json body = TRY(read_json_body(request, {"message", "path", "line"}));
  const std::string message = TRY(json_string(body, "message"));
  const auto path = TRY(optional_string(body, "path"));
  const auto line = TRY(optional_unsigned(body, "line"));
  const PromotionOutcome outcome = TRY(
      application.store().promotions().comment(caller_of(request), number, message, path, line));
  return answer_outcome(application, request, outcome, "commenting", 200);
}

Result<HttpResponse> merge_promotion(Application& application, HttpRequest& request) {
  const PromotionNumber number = TRY(number_in_path(request));
  TRY(read_json_body(request, {}));
  const PromotionOutcome outcome =
      TRY(application.store().promotions().merge(caller_of(request), number));
  return answer_outcome(application, request, outcome, "merging the promotion", 200);
}

Result<HttpResponse> close_promotion(Application& application, HttpRequest& request) {
  const PromotionNumber number = TRY(number_in_path(request));
  TRY(read_json_body(request, {}));
  const PromotionOutcome outcome =
      TRY(application.store().promotions().close(caller_of(request), number));
  return answer_outcome(application, request, outcome, "closing the promotion", 200);
}

}  // namespace

void add_promotion_routes(Application& application) {
  const auto get = [&](const char* pattern, auto handler) {
    application.add(
        Method::kGet, pattern, Access::kAuthenticated, Lane::kLong, 0,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  const auto post = [&](const char* pattern, auto handler) {
    application.add(Method::kPost, pattern, Access::kAuthenticated, Lane::kLong,
                    limits::kJsonBodyBytesMax,
                    once_per_key(application, [&application, handler](HttpRequest& request) {
                      return handler(application, request);
                    }));
  };
  get("/v1/promotions", list_promotions);
  get("/v1/promotions/{number}", show_promotion);
  get("/v1/promotions/{number}/changes", show_changes);
  get("/v1/promotions/{number}/statement", show_statement);
  post("/v1/promotions", open_promotion);
  post("/v1/promotions/{number}/update", update_promotion);
  post("/v1/promotions/{number}/approvals", approve_promotion);
  post("/v1/promotions/{number}/comments", comment_promotion);
  post("/v1/promotions/{number}/merge", merge_promotion);
  post("/v1/promotions/{number}/close", close_promotion);
}

}  // namespace statehouse
