#include <memory>
#include <ostream>
#include <tuple>

#include "cli/clone.h"
#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/promotion_decide.h"
#include "cli/promotion_review.h"
#include "cli/promotion_text.h"
#include "cli/session.h"
#include "cli/version_text.h"
#include "cli/watch.h"
#include "crypto/base/encoding.h"
#include "store/model/oid.h"

namespace statehouse {
namespace {

struct PromotionOptions {
  std::uint64_t number = 0;
  std::optional<std::string> repository;
  std::string flow;
  std::string ref;
  std::string commit;
  std::string title;
  std::string message;
  std::string state = "open";
  std::optional<std::string> waiting_for;
  std::optional<std::string> flow_filter;
  std::uint64_t limit = 50;
  std::optional<std::string> cursor;
  std::string path;
  std::optional<std::uint64_t> line;
  std::string wanted = "merged";
  std::string timeout = "30m";
  bool objects = false;
  bool watch = false;

  [[nodiscard]] Watch how_long() const { return watch ? Watch::kUntilDone : Watch::kOnce; }
};

std::string number_of(const Json& promotion) { return shown(promotion, "number"); }

std::string promotion_path(const PromotionOptions& options) {
  return "/v1/promotions/" + std::to_string(options.number);
}

void print_promotion(Session& session, const Json& promotion, const Json& changes = nullptr) {
  session.print(
      promotion, [&](const Json& document) { return describe_promotion(document, changes); },
      number_of);
}

/// A full id, or anything that the clone we are in resolves to a commit ("HEAD", "audit").
Result<std::string> resolve_commit(Session& session, const std::string& text) {
  if (Oid::parse(text)) return text;
  if (text.starts_with('-'))
    return invalid_argument("\"" + escape_for_message(text) + "\" is no commit",
                            "give the full id of 40 digits");
  const Environment& environment = session.environment();
  const auto resolved =
      TRY(ask_user_git(environment.working_directory, user_environment(environment),
                       {"rev-parse", "--verify", "--quiet", text + "^{commit}"}));
  if (resolved && Oid::parse(*resolved)) return *resolved;
  return invalid_argument(
      "\"" + escape_for_message(text) + "\" is no commit id, and no commit here",
      "give the full id of 40 digits");
}

Result<> create_promotion(Session& session, const PromotionOptions& options) {
  Json request{{"flow", options.flow}};
  if (options.repository) {
    const RepositoryName name = TRY(RepositoryName::parse(*options.repository));
    request["repository"] = name.str();
  }
  if (!options.ref.empty()) {
    const RefName ref = TRY(expand_ref(options.ref));
    request["ref"] = ref.str();
  }
  if (!options.commit.empty()) {
    const std::string commit = TRY(resolve_commit(session, options.commit));
    request["commit"] = commit;
  }
  if (!options.title.empty()) request["title"] = options.title;
  if (!options.message.empty()) request["message"] = options.message;
  ApiClient client = TRY(session.connect());
  const Json promotion = TRY(client.post("/v1/promotions", request));
  print_promotion(session, promotion);
  return {};
}

Result<> update_promotion(Session& session, const PromotionOptions& options) {
  const std::string commit = TRY(resolve_commit(session, options.commit));
  ApiClient client = TRY(session.connect());
  const Json promotion =
      TRY(client.post(promotion_path(options) + "/update", {{"commit", commit}}));
  print_promotion(session, promotion);
  return {};
}

Result<> list_promotions(Session& session, const PromotionOptions& options) {
  if (options.waiting_for && *options.waiting_for != "me") {
    return invalid_argument("reading --waiting-for: it can only be `me`",
                            "give --waiting-for me, with the token of whom it is about");
  }
  ApiClient client = TRY(session.connect());
  const Query query{{"state", options.state},
                    {"waitingFor", options.waiting_for},
                    {"repository", options.repository},
                    {"flow", options.flow_filter}};
  Watched list;
  list.look = [&] {
    return client.list("/v1/promotions", query, "promotions", options.limit, options.cursor);
  };
  list.show = [&](const Json& document) -> Result<> {
    session.print_list(document, "promotions", promotions_table, number_of);
    return {};
  };
  return show_watched(session, options.how_long(), list);
}

Result<> show_promotion(Session& session, const PromotionOptions& options) {
  ApiClient client = TRY(session.connect());
  Watched promotion;
  promotion.look = [&] { return client.get(promotion_path(options)); };
  promotion.show = [&](const Json& document) -> Result<> {
    Json changes;
    if (session.format() == OutputFormat::kText && !is_target_hidden(document)) {
      changes = TRY(client.get(promotion_path(options) + "/changes"));
    }
    print_promotion(session, document, changes);
    return {};
  };
  promotion.is_done = [](const Json& document) { return shown(document, "state") != "open"; };
  return show_watched(session, options.how_long(), promotion);
}

/// For people, what would be deployed is computed here, from the objects; for programs it is the
/// server's list of files.
Result<> diff_promotion(Session& session, const PromotionOptions& options) {
  ApiClient client = TRY(session.connect());
  if (session.format() == OutputFormat::kText && !options.objects) {
    const Json promotion = TRY(client.get(promotion_path(options)));
    const PromotionReview review =
        TRY(review_promotion(session, client, promotion, ApprovalVerdict::kApprove));
    session.environment().out << describe_changes(review);
    return {};
  }
  const Json changes = TRY(client.get(promotion_path(options) + "/changes"));
  TRY(require_list(changes, "changes"));
  const ObjectIds ids = options.objects ? ObjectIds::kShown : ObjectIds::kHidden;
  session.print_list(
      changes, "changes", [ids](const Json& document) { return changes_table(document, ids); },
      [](const Json& change) { return shown(change, "path"); });
  return {};
}

enum class WaitOutcome { kReached, kPending, kImpossible };

/// A merged promotion was ready before; a superseded one can only be closed, or updated.
WaitOutcome outcome_of_wait(const Json& promotion, const std::string& wanted) {
  const std::string state = shown(promotion, "state");
  const std::string phase = shown(promotion, "phase");
  if (state == wanted || phase == wanted) return WaitOutcome::kReached;
  if (wanted == "ready" && state == "merged") return WaitOutcome::kReached;
  if (state != "open") return WaitOutcome::kImpossible;
  const bool is_dead = phase == "superseded" && wanted != "closed";
  return is_dead ? WaitOutcome::kImpossible : WaitOutcome::kPending;
}

std::unexpected<Error> waited_in_vain(const Json& promotion, const std::string& wanted) {
  const std::string number = number_of(promotion);
  const std::string state = shown(promotion, "state");
  const std::string is_now =
      "promotion " + number + " is " + (state == "open" ? shown(promotion, "phase") : state);
  return conflict(is_now + ": it will not become " + wanted,
                  state == "open"
                      ? "close it, or give it a newer commit: statehouse promotion update " + number
                      : "see how it ended: statehouse promotion show " + number);
}

Result<> wait_for_promotion(Session& session, const PromotionOptions& options) {
  const Milliseconds timeout = TRY_WITH("reading --timeout", parse_duration(options.timeout));
  const Clock& clock = session.environment().clock;
  const Timestamp deadline = clock.now() + timeout;
  ApiClient client = TRY(session.connect());
  for (;;) {
    const Json promotion = TRY(client.get(promotion_path(options)));
    switch (outcome_of_wait(promotion, options.wanted)) {
      case WaitOutcome::kReached:
        print_promotion(session, promotion);
        return {};
      case WaitOutcome::kImpossible:
        return waited_in_vain(promotion, options.wanted);
      case WaitOutcome::kPending:
        break;
    }
    if (clock.now() >= deadline) {
      return unavailable("promotion " + number_of(promotion) + " is not " + options.wanted +
                             " after " + options.timeout + ": it is " + describe_state(promotion),
                         "wait again, or see: statehouse promotion show " + number_of(promotion));
    }
    if (!session.environment().wait(kPollInterval)) return unavailable("stopped while waiting");
  }
}

Result<> comment_promotion(Session& session, const PromotionOptions& options) {
  Json request{{"message", options.message}};
  if (!options.path.empty()) request["path"] = options.path;
  if (options.line) request["line"] = *options.line;
  ApiClient client = TRY(session.connect());
  const Json promotion = TRY(client.post(promotion_path(options) + "/comments", request));
  print_promotion(session, promotion);
  return {};
}

/// merge and close: a POST without content.
Result<> act_on_promotion(Session& session, const PromotionOptions& options,
                          const std::string& verb) {
  ApiClient client = TRY(session.connect());
  const Json promotion = TRY(client.post(promotion_path(options) + "/" + verb, Json::object()));
  print_promotion(session, promotion);
  return {};
}

using SharedOptions = std::shared_ptr<PromotionOptions>;

void add_writing_commands(const Command& promotion, const SharedOptions& options) {
  promotion.add("create", "Ask for a commit's tree to be promoted through a flow")
      .option("-R,--repository", options->repository, "The flow's source repository")
      .option("--flow", options->flow, "The flow", Presence::kRequired)
      .option("--ref", options->ref, "The source ref, where the flow takes several")
      .option("--commit", options->commit, "The commit (else where the source ref stands)")
      .option("--title", options->title, "What it is, in a line")
      .option("--message", options->message, "Why")
      .action("creating a promotion",
              [options](Session& session) { return create_promotion(session, *options); });

  promotion.add("update", "Pin another source commit; approvals then start anew")
      .argument("NUMBER", options->number, "The promotion")
      .option("--commit", options->commit, "The new commit", Presence::kRequired)
      .action("updating a promotion",
              [options](Session& session) { return update_promotion(session, *options); });

  promotion.add("comment", "Say something about a promotion, or a line of it")
      .argument("NUMBER", options->number, "The promotion")
      .option("--message", options->message, "What", Presence::kRequired)
      .option("--path", options->path, "On this file")
      .option("--line", options->line, "On this line of it")
      .action("commenting on a promotion",
              [options](Session& session) { return comment_promotion(session, *options); });

  for (const auto& [verb, description, doing] :
       {std::tuple{"merge", "Merge a promotion that nothing blocks", "merging a promotion"},
        {"close", "Close a promotion without merging it", "closing a promotion"}}) {
    promotion.add(verb, description)
        .argument("NUMBER", options->number, "The promotion")
        .action(doing, [options, word = std::string(verb)](Session& session) {
          return act_on_promotion(session, *options, word);
        });
  }
}

void add_reading_commands(const Command& promotion, const SharedOptions& options) {
  promotion.add("list", "List promotions")
      .choice("--state", options->state, {"open", "merged", "closed", "all"}, "In which state")
      .option("--waiting-for", options->waiting_for, "Only those that wait for: me")
      .option("-R,--repository", options->repository, "Only of this repository")
      .option("--flow", options->flow_filter, "Only through this flow")
      .option("--limit", options->limit, "At most so many")
      .option("--cursor", options->cursor, "Go on where a list ended")
      .flag("--watch", options->watch, "Show it again whenever it changes")
      .action("listing promotions",
              [options](Session& session) { return list_promotions(session, *options); });

  promotion.add("show", "The reviewer's screen: what it would deploy and what blocks it")
      .argument("NUMBER", options->number, "The promotion")
      .flag("--watch", options->watch, "Show it again whenever it changes, until it is done")
      .action("showing a promotion",
              [options](Session& session) { return show_promotion(session, *options); });

  promotion.add("diff", "What it would change, in full, computed here from the objects")
      .argument("NUMBER", options->number, "The promotion")
      .flag("--objects", options->objects,
            "Only the files, as the server lists them, with object ids and modes")
      .action("comparing trees",
              [options](Session& session) { return diff_promotion(session, *options); });

  promotion.add("wait", "Wait until a promotion has come so far")
      .argument("NUMBER", options->number, "The promotion")
      .choice("--for", options->wanted, {"ready", "merged", "closed"}, "How far")
      .option("--timeout", options->timeout, "For how long, like 30m")
      .action("waiting for a promotion",
              [options](Session& session) { return wait_for_promotion(session, *options); });
}

void add_deciding_commands(const Command& promotion) {
  for (const auto& [verb, description, doing, verdict] :
       {std::tuple{"approve", "Sign that exactly this may be deployed", "approving a promotion",
                   ApprovalVerdict::kApprove},
        {"reject", "Sign that this must not be deployed", "rejecting a promotion",
         ApprovalVerdict::kReject}}) {
    auto options = std::make_shared<DecideOptions>();
    options->verdict = verdict;
    promotion.add(verb, description)
        .argument("NUMBER", options->number, "The promotion")
        .option("--key", options->key, "Key to sign with (else git's user.signingkey)")
        .option("--message", options->message, "A comment to leave with it")
        .option("--expires", options->expires, "How long it is good for, like 24h")
        .option("--drop", options->drops,
                "Give up the target's own changes of this version (may be repeated)")
        .flag("--yes", options->yes, "Do not ask: sign whatever it is")
        .option("--expect-tree", options->expect_tree, "Do not ask: sign if it is this tree")
        .option("--trust", options->trust, "Only if the server is the store of this document")
        .notes(
            "Fetches the objects, recomputes every id from them, compares with what the server "
            "says, shows it and asks. SSH keys sign with ssh-keygen (agents and FIDO keys "
            "work), OpenPGP keys with gpg.")
        .action(doing, [options](Session& session) { return decide_promotion(session, *options); });
  }
}

}  // namespace

void add_promotion_command(CommandSet& commands) {
  auto options = std::make_shared<PromotionOptions>();
  const Command promotion = commands.add("promotion", "Move reviewed trees from ref to ref");
  add_reading_commands(promotion, options);
  add_writing_commands(promotion, options);
  add_deciding_commands(promotion);
}

}  // namespace statehouse
