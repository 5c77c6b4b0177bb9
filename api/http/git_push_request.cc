#include "api/http/git_push_request.h"

#include <algorithm>
#include <set>

#include "api/http/pkt_line.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

std::unexpected<Error> bad_push(std::string_view why) {
  return invalid_argument("reading a push: " + std::string(why));
}

Result<> read_capability(PushRequest& request, bool& push_options, std::string_view word) {
  if (word.empty() || word.starts_with("agent=") || word.starts_with("session-id=") ||
      word == "object-format=sha1" || word == "ofs-delta" || word == "delete-refs") {
    return {};
  }
  if (word == "report-status") {
    request.report_status = true;
  } else if (word == "report-status-v2") {
    request.report_status_v2 = true;
  } else if (word == "side-band-64k") {
    request.side_band = true;
  } else if (word == "atomic") {
    request.atomic = true;
  } else if (word == "quiet") {
    request.quiet = true;
  } else if (word == "push-options") {
    push_options = true;
  } else {
    return bad_push("capability `" + escape_for_message(word, 40) + "` was not offered");
  }
  return {};
}

Result<> read_capabilities(PushRequest& request, bool& push_options, std::string_view text) {
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    TRY(read_capability(request, push_options, text.substr(0, space)));
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  return {};
}

Result<std::optional<Oid>> read_side(std::string_view hex) {
  const Oid oid = TRY_WITH("reading a push", Oid::parse(hex));
  if (oid.is_zero()) return std::optional<Oid>();
  return std::optional<Oid>(oid);
}

/// "<40 old> <40 new> <ref>"
Result<PushCommand> read_command(std::string_view text) {
  constexpr std::size_t kHexDigits = 2 * Oid::kBytes;
  constexpr std::size_t kRefAt = 2 * kHexDigits + 2;
  if (text.size() <= kRefAt || text[kHexDigits] != ' ' || text[kRefAt - 1] != ' ') {
    return bad_push("a command is not `old new ref`");
  }
  const std::optional<Oid> old_oid = TRY(read_side(text.substr(0, kHexDigits)));
  const std::optional<Oid> new_oid = TRY(read_side(text.substr(kHexDigits + 1, kHexDigits)));
  if (!old_oid && !new_oid) return bad_push("a command creates and deletes nothing");
  RefName ref = TRY_WITH("reading a push", RefName::parse(text.substr(kRefAt)));
  return PushCommand{std::move(ref), old_oid, new_oid};
}

Result<> read_commands(PktLineReader& reader, PushRequest& request, bool& push_options) {
  std::set<RefName> named;
  while (true) {
    const PktLine line = TRY(reader.next());
    if (line.kind == PktLine::Kind::kFlush) return {};
    if (line.kind != PktLine::Kind::kData) return bad_push("unexpected delimiter");
    std::string_view data = line.data;
    // Where the client's history is cut off says nothing about ours: what the pack leaves out must
    // be here, which the connectivity check finds out.
    constexpr std::string_view kShallow = "shallow ";
    if (data.starts_with(kShallow) && request.commands.empty()) {
      TRY_WITH("reading a push", Oid::parse(line.text().substr(kShallow.size())));
      continue;
    }
    if (data.starts_with("push-cert")) return bad_push("push certificates are not supported");
    const std::size_t nul = data.find('\0');
    if (nul != std::string_view::npos) {
      if (!request.commands.empty()) return bad_push("capabilities after the first command");
      std::string_view capabilities = data.substr(nul + 1);
      if (capabilities.ends_with('\n')) capabilities.remove_suffix(1);
      TRY(read_capabilities(request, push_options, capabilities));
      data = data.substr(0, nul);
    } else if (data.ends_with('\n')) {
      data.remove_suffix(1);
    }
    if (request.commands.size() >= limits::kPushCommandsMax) return bad_push("too many commands");
    request.commands.push_back(TRY(read_command(data)));
    if (!named.insert(request.commands.back().ref).second) return bad_push("a ref is named twice");
  }
}

Result<> read_options(PktLineReader& reader, PushRequest& request) {
  while (true) {
    const PktLine line = TRY(reader.next());
    if (line.kind == PktLine::Kind::kFlush) return {};
    if (line.kind != PktLine::Kind::kData) return bad_push("unexpected delimiter");
    const std::string_view text = line.text();
    const bool printable = is_valid_utf8(text) && std::ranges::none_of(text, [](char c) {
                             return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                           });
    if (!printable || text.size() > limits::kPushOptionBytesMax) {
      return bad_push("a push option is too long or not printable");
    }
    if (request.options.size() >= limits::kPushOptionsMax) return bad_push("too many push options");
    request.options.emplace_back(text);
  }
}

}  // namespace

Result<PushRequest> parse_push_request(std::string_view body) {
  PushRequest request;
  bool push_options = false;
  PktLineReader reader(body);
  TRY(read_commands(reader, request, push_options));
  if (push_options) TRY(read_options(reader, request));
  request.pack_offset = body.size() - reader.rest().size();
  return request;
}

}  // namespace statehouse
