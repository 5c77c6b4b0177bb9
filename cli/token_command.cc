#include <memory>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

struct TokenOptions {
  std::string identity;
  std::string expires;
  std::string scope = "read";
  std::optional<std::string> repository;
  std::string id;
  std::uint64_t limit = 1000;
  std::optional<std::string> cursor;
};

std::string token_id(const Json& token) { return shown(token, "id"); }

std::string describe_new_token(const Json& token) {
  return "token:    " + shown(token, "token") + "\nid:       " + token_id(token) +
         "\nidentity: " + shown(token, "identity") + "\nscope:    " + shown(token, "scope") +
         "\nexpires:  " + shown(token, "expires") + "\n";
}

Result<> create_token(Session& session, const TokenOptions& options) {
  Json request{{"identity", options.identity}, {"scope", options.scope}};
  if (!options.expires.empty()) {
    TRY_WITH("reading --expires", parse_duration(options.expires));
    request["expires"] = options.expires;
  }
  if (options.repository) request["repository"] = *options.repository;
  ApiClient client = TRY(session.connect());
  const Json token = TRY(client.post("/v1/tokens", request));
  session.print(token, describe_new_token, token_id);
  session.progress("The token is shown this once: only its digest is kept.");
  return {};
}

Result<> list_tokens(Session& session, const TokenOptions& options) {
  ApiClient client = TRY(session.connect());
  const Json list = TRY(client.list("/v1/tokens", {}, "tokens", options.limit, options.cursor));
  const auto text = [](const Json& document) {
    TextTable table({"ID", "IDENTITY", "SCOPE", "REPOSITORY", "EXPIRES", "REVOKED"});
    for (const Json& token : document["tokens"]) {
      table.add({token_id(token), shown(token, "identity"), shown(token, "scope"),
                 shown(token, "repository"), shown(token, "expires"), shown(token, "revoked")});
    }
    return table.render();
  };
  session.print_list(list, "tokens", text, token_id);
  return {};
}

/// A secret given by mistake is neither printed nor sent.
Result<> require_token_id(std::string_view id) {
  if (id.starts_with("tok_")) return {};
  const std::string what = id.starts_with("sth_") ? "that is a token's secret, not its id"
                                                  : "an id begins with tok_, this does not";
  return invalid_argument(what + "; nothing was sent",
                          "find the id by identity, scope and expiry: statehouse token list");
}

Result<> revoke_token(Session& session, const TokenOptions& options) {
  TRY(require_token_id(options.id));
  ApiClient client = TRY(session.connect());
  Json answer = TRY(client.remove("/v1/tokens/" + percent_encode(options.id)));
  if (!answer.is_object()) answer = Json::object();
  answer["id"] = options.id;
  session.print(
      answer, [](const Json& token) { return "revoked " + token_id(token) + "\n"; }, token_id);
  return {};
}

}  // namespace

void add_token_command(CommandSet& commands) {
  auto options = std::make_shared<TokenOptions>();
  const Command token = commands.add("token", "Create, list and revoke access tokens");

  token.add("create", "Mint a token (on the host with --data, or as an administrator)")
      .option("--identity", options->identity, "Whose token it is", Presence::kRequired)
      .option("--expires", options->expires,
              "Life time, like 24h or 90d (people: 24h, robots: 90d)")
      .choice("--scope", options->scope, {"read", "write", "admin"}, "What it may do")
      .option("--repository", options->repository, "Only repositories that match this pattern")
      .action("creating a token",
              [options](Session& session) { return create_token(session, *options); });

  token.add("list", "List tokens, without their secrets")
      .option("--limit", options->limit, "At most so many")
      .option("--cursor", options->cursor, "Go on where a list ended")
      .action("listing tokens",
              [options](Session& session) { return list_tokens(session, *options); });

  token.add("revoke", "Make a token useless at once")
      .argument("ID", options->id, "Its id, tok_… (not the secret, sth_…)")
      .action("revoking a token",
              [options](Session& session) { return revoke_token(session, *options); });
}

}  // namespace statehouse
