#include <unistd.h>

#include <algorithm>

#include "api/http/application.h"
#include "api/http/git_advertisement.h"
#include "api/http/git_fetch_request.h"
#include "api/http/git_push_request.h"
#include "api/http/handler_support.h"
#include "api/http/pkt_line.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"
#include "store/git/upload_pack.h"

// Git smart HTTP (gitprotocol-http). Ref advertisements come from memory, packs from `git
// upload-pack`, pushes go through our own receive path.

namespace statehouse {

namespace {

/// The head of a push (commands and options) is within the first part of its body.
constexpr std::size_t kPushHeadBytesMax = 4U << 20;

std::string agent_of(const Application& application) {
  return "statehouse/" + application.options().version;
}

HttpResponse git_response(std::string_view content_type, std::string body) {
  HttpResponse response = HttpResponse::with_body(200, content_type, std::move(body));
  const Result<> set = response.set_header("Cache-Control", "no-cache, max-age=0, must-revalidate");
  STATEHOUSE_ASSERT(set.has_value());
  return response;
}

Result<GitProtocol> protocol_of(const HttpRequest& request) {
  const auto header = TRY(request.header("git-protocol"));
  return header ? parse_git_protocol(*header) : GitProtocol::kV0;
}

/// The name in `/git/NAME.git/…`.
Result<RepositoryName> repository_of(const HttpRequest& request) {
  std::string_view text = request.path_parameter("repository");
  constexpr std::string_view kSuffix = ".git";
  if (!text.ends_with(kSuffix)) {
    return not_found("looking for a repository: its path ends in .git");
  }
  text.remove_suffix(kSuffix.size());
  return RepositoryName::parse(text);
}

/// The repository as the caller sees it. Without credentials a hidden repository answers 401, so
/// that Git clients send what they have.
Result<std::variant<RepositoryView, HttpResponse>> view_or_challenge(Application& application,
                                                                     const HttpRequest& request) {
  const RepositoryName name = TRY(repository_of(request));
  const AuthenticatedCaller& caller = caller_of(request);
  Result<RepositoryView> view = application.store().fetches().view(caller, name);
  if (view) return std::variant<RepositoryView, HttpResponse>(*std::move(view));
  const bool anonymous = caller.via() == AuthenticatedCaller::Via::kAnonymous;
  if (anonymous && view.error().code == ErrorCode::kNotFound) {
    return std::variant<RepositoryView, HttpResponse>(
        unauthenticated(Error{ErrorCode::kDenied, "reading a repository: an access token is needed",
                              "give your identity as user name and a token as password"}));
  }
  return std::unexpected(std::move(view).error());
}

Result<HttpResponse> handle_info_refs(Application& application, HttpRequest& request) {
  const std::string_view service = TRY(request.required_query_parameter("service"));
  const GitProtocol protocol = TRY(protocol_of(request));
  const bool is_push = service == "git-receive-pack";
  if (!is_push && service != "git-upload-pack") {
    return denied("reading refs: only smart HTTP is served", "use a current Git client");
  }
  if (is_push && caller_of(request).via() == AuthenticatedCaller::Via::kAnonymous) {
    return unauthenticated(Error{ErrorCode::kDenied, "pushing: an access token is needed",
                                 "give your identity as user name and a token as password"});
  }
  auto found = TRY(view_or_challenge(application, request));
  if (auto* challenge = std::get_if<HttpResponse>(&found)) return std::move(*challenge);
  const RepositoryView& view = std::get<RepositoryView>(found);
  const std::string agent = agent_of(application);
  if (is_push) {
    TRY(caller_of(request).require_scope(TokenScope::kWrite));
    return git_response("application/x-git-receive-pack-advertisement",
                        advertise_receive_pack(view, protocol, agent));
  }
  return git_response("application/x-git-upload-pack-advertisement",
                      protocol == GitProtocol::kV2 ? advertise_capabilities_v2(view, agent)
                                                   : advertise_upload_pack(view, protocol, agent));
}

Result<> require_features(const RepositoryView& view, const FetchRequest& fetch) {
  const bool needs_whole = fetch.uses_filter || fetch.uses_include_tag || fetch.uses_deepen_not;
  if (!needs_whole || view.whole) return {};
  return denied("fetching: filter, include-tag and deepen-not need a view of the whole repository");
}

std::string cache_key(const RepositoryView& view, GitProtocol protocol, const FetchRequest& fetch) {
  std::string key = view.repository.str() + "\n" + std::to_string(static_cast<int>(protocol)) +
                    "\n" + (view.whole ? "whole\n" : "part\n");
  // What the server has beyond the wants changes these answers.
  if (!fetch.haves.empty() || fetch.uses_include_tag || fetch.uses_deepen_not) {
    key += std::to_string(view.generation) + "\n";
  }
  return sha256(key + fetch.normalized);
}

Result<HttpResponse> stream_pack(Application& application, const RepositoryView& view,
                                 GitProtocol protocol, const std::string& key, std::string body) {
  const Path path = application.store().core().repositories.path(view.repository);
  const ObjectFilter filter = view.whole ? ObjectFilter::kAllowed : ObjectFilter::kRefused;
  auto produce = [&application, path, protocol, filter, key,
                  body = std::move(body)](ResponseSink& sink) -> Result<> {
    const auto source = [&](const FetchCache::Sink& out) {
      UploadPackRequest upload{.repository = path, .protocol = protocol, .filter = filter};
      upload.body = body;
      return run_upload_pack(upload, out);
    };
    return application.fetch_cache().serve(
        key, source, [&](std::string_view bytes) { return sink.write(bytes); });
  };
  HttpResponse response =
      HttpResponse::with_stream("application/x-git-upload-pack-result", std::move(produce));
  TRY(response.set_header("Cache-Control", "no-cache, max-age=0, must-revalidate"));
  return response;
}

/// Ends looking through history for a client that has left, or that holds its worker for too long.
WalkPatience patience_for(const HttpRequest& request) {
  constexpr std::chrono::minutes kLookMax{2};
  const auto deadline = std::chrono::steady_clock::now() + kLookMax;
  return [presence = request.presence, deadline]() -> Result<> {
    if (presence->gone()) return unavailable("fetching: the client has left");
    if (std::chrono::steady_clock::now() < deadline) return {};
    return unavailable("fetching: looking for what is asked takes too long",
                       "ask for fewer objects, or for newer ones");
  };
}

Result<FetchRequest> parse_fetch(GitProtocol protocol, std::string_view body) {
  if (protocol != GitProtocol::kV2) return parse_fetch_request_v0(body);
  const CommandRequestV2 command = TRY(parse_command_v2(body));
  return parse_fetch_arguments_v2(command);
}

Result<HttpResponse> answer_fetch(Application& application, const HttpRequest& request,
                                  const RepositoryView& view, GitProtocol protocol,
                                  std::string body) {
  FetchRequest fetch = TRY(parse_fetch(protocol, body));
  // In v2 every client asks for it, offered or not, and a server may send no tags.
  if (!view.whole && fetch.uses_include_tag && protocol == GitProtocol::kV2) {
    body = TRY(without_include_tag_v2(body));
    fetch = TRY(parse_fetch(protocol, body));
  }
  TRY(require_features(view, fetch));
  FetchClaims claims{.wants = fetch.wants, .haves = {}};
  if (!view.whole) {
    claims.haves = fetch.haves;
    claims.haves.insert(claims.haves.end(), fetch.shallow.begin(), fetch.shallow.end());
  }
  const std::unordered_set<Oid> known =
      TRY(application.store().fetches().authorise_fetch(view, claims, patience_for(request)));
  // Git acknowledges whatever lies in the repository, which a part of it must not show.
  if (!claims.haves.empty()) {
    body = TRY(with_known_haves(std::move(body), known));
    fetch = TRY(parse_fetch(protocol, body));
  }
  return stream_pack(application, view, protocol, cache_key(view, protocol, fetch),
                     std::move(body));
}

Result<HttpResponse> answer_upload_pack(Application& application, HttpRequest& request,
                                        const RepositoryView& view, GitProtocol protocol) {
  std::string body = TRY(request.body.read_all(limits::kUploadPackRequestBytesMax));
  if (protocol != GitProtocol::kV2) {
    return answer_fetch(application, request, view, protocol, std::move(body));
  }
  const CommandRequestV2 command = TRY(parse_command_v2(body));
  if (command.command == "ls-refs") {
    const ListRefsRequest list = TRY(parse_list_refs_arguments(command));
    return git_response("application/x-git-upload-pack-result", answer_list_refs(view, list));
  }
  if (command.command != "fetch") {
    return invalid_argument("reading a Git request: command `" +
                            escape_for_message(command.command, 40) + "` is not offered");
  }
  return answer_fetch(application, request, view, protocol, std::move(body));
}

Result<HttpResponse> handle_upload_pack(Application& application, HttpRequest& request) {
  const GitProtocol protocol = TRY(protocol_of(request));
  auto found = TRY(view_or_challenge(application, request));
  if (auto* challenge = std::get_if<HttpResponse>(&found)) return std::move(*challenge);
  auto answer = answer_upload_pack(application, request, std::get<RepositoryView>(found), protocol);
  if (answer || answer.error().code != ErrorCode::kDenied) return answer;
  // Git shows its user the words of an ERR packet, but of a 403 only the number.
  std::string refusal;
  append_pkt_line(refusal, "ERR " + answer.error().message);
  return git_response("application/x-git-upload-pack-result", std::move(refusal));
}

std::string report_status(const PushReport& report) {
  std::string out;
  append_pkt_line(out, "unpack " + report.unpack_error.value_or("ok") + "\n");
  for (const PushReport::Ref& ref : report.refs) {
    append_pkt_line(out, ref.refused ? "ng " + ref.ref.str() + " " + *ref.refused + "\n"
                                     : "ok " + ref.ref.str() + "\n");
  }
  append_flush(out);
  return out;
}

std::string render_report(const PushRequest& push, const PushReport& report) {
  const bool wants_status = push.report_status || push.report_status_v2;
  std::string status = wants_status ? report_status(report) : std::string();
  if (!push.side_band) return status;
  std::string out;
  for (const std::string& line : report.remote_lines) append_side_band(out, 2, line + "\n");
  append_side_band(out, 1, status);
  append_flush(out);
  return out;
}

/// Nothing happened, and the same push may work later.
PushReport report_unavailable(const PushIntent& intent, const Error& error) {
  PushReport report;
  report.remote_lines = {"unavailable: " + escape_for_message(error.message, 1000),
                         "fix: " + (error.fix.empty() ? "push again later" : error.fix)};
  for (const ProposedMove& move : intent.moves) {
    report.refs.push_back({move.key.ref, "unavailable, nothing was moved"});
  }
  return report;
}

constexpr std::string_view kDryRun = "dry-run";

/// "dryrun", "dry_run", "Dry-Run=1": whoever sends it wants nothing to move. Other options that are
/// not known are for other servers (`ci.skip`) and change nothing here.
bool is_mistyped_dry_run(std::string_view option) {
  std::string letters;
  for (const char c : option) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper || (c >= 'a' && c <= 'z')) letters += is_upper ? static_cast<char>(c + 32) : c;
  }
  return option != kDryRun && letters.starts_with("dry");
}

PushReport report_mistyped_option(const PushIntent& intent, const std::string& option) {
  PushReport report;
  report.remote_lines = {"refused: there is no push option `" + escape_for_message(option) + "`",
                         "fix: git push -o dry-run"};
  for (const ProposedMove& move : intent.moves) {
    report.refs.push_back({move.key.ref, "mistyped push option, nothing was moved"});
  }
  return report;
}

PushIntent intent_of(const RepositoryName& repository, const PushRequest& push) {
  PushIntent intent{.repository = repository};
  for (const PushCommand& command : push.commands) {
    intent.moves.push_back({{repository, command.ref}, command.old_oid, command.new_oid});
  }
  intent.dry_run = std::ranges::find(push.options, kDryRun) != push.options.end();
  return intent;
}

std::optional<PackInput> pack_of(const HttpRequest& request, const PushRequest& push) {
  if (push.pack_offset >= request.body.size()) return std::nullopt;
  PackInput pack;
  pack.offset = push.pack_offset;
  if (request.body.in_memory()) {
    pack.bytes = std::string_view(request.body.bytes()).substr(push.pack_offset);
  } else {
    pack.fd = request.body.descriptor();
  }
  return pack;
}

Result<HttpResponse> handle_receive_pack(Application& application, HttpRequest& request) {
  const RepositoryName name = TRY(repository_of(request));
  TRY(application.store().fetches().view(caller_of(request), name));
  const std::string head = TRY(request.body.read_at(0, kPushHeadBytesMax));
  constexpr std::string_view kType = "application/x-git-receive-pack-result";
  // Git asks with an empty request whether its credentials are good before it sends a large pack.
  if (head == "0000") return git_response(kType, "");
  const PushRequest push = TRY(parse_push_request(head));
  const PushIntent intent = intent_of(name, push);
  const auto mistyped = std::ranges::find_if(push.options, is_mistyped_dry_run);
  if (mistyped != push.options.end()) {
    return git_response(kType, render_report(push, report_mistyped_option(intent, *mistyped)));
  }
  auto report =
      application.store().pushes().push(caller_of(request), intent, pack_of(request, push));
  const bool is_told = push.side_band && (push.report_status || push.report_status_v2);
  if (!report && report.error().code == ErrorCode::kUnavailable && is_told) {
    // Git shows its user the words of a report, but of a 503 only the number.
    report = report_unavailable(intent, report.error());
  }
  if (!report) return std::unexpected(std::move(report).error());
  if (intent.dry_run) {
    report->remote_lines.emplace_back(
        "dry run: nothing was moved, so git calls every ref rejected and exits 1, also when it "
        "would be accepted");
  }
  return git_response(kType, render_report(push, *report));
}

}  // namespace

void add_git_routes(Application& application) {
  const auto add = [&](Method method, const char* pattern, Access access, Lane lane,
                       std::uint64_t body_bytes_max, auto handler) {
    application.add(
        method, pattern, access, lane, body_bytes_max,
        [&application, handler](HttpRequest& request) { return handler(application, request); });
  };
  // Public: the handlers ask policy, which may let `anyone` read.
  add(Method::kGet, "/git/{repository...}/info/refs", Access::kPublic, Lane::kQuick, 0,
      handle_info_refs);
  add(Method::kPost, "/git/{repository...}/git-upload-pack", Access::kPublic, Lane::kLong,
      limits::kUploadPackRequestBytesMax, handle_upload_pack);
  add(Method::kPost, "/git/{repository...}/git-receive-pack", Access::kAuthenticated, Lane::kLong,
      limits::kPackBytesMax + kPushHeadBytesMax, handle_receive_pack);
}

}  // namespace statehouse
