#include "api/http/git_fetch_request.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/http/pkt_line.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

constexpr std::size_t kListRefsPrefixesMax = 65'536;

std::unexpected<Error> unknown_argument(std::string_view argument) {
  return invalid_argument("reading a fetch request: `" + escape_for_message(argument, 60) +
                          "` is not supported");
}

/// Decimal digits alone, from `min` to `max`.
bool is_number_to(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stopped == end && text[0] != '-' && value >= min && value <= max;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (space != 0) words.push_back(text.substr(0, space));
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  return words;
}

/// Reads the lines of one request.
class FetchReader {
 public:
  explicit FetchReader(FetchRequest& request) : request_(request) {}

  Result<Oid> add_want(std::string_view hex) {
    if (++want_lines_ > limits::kFetchWantsMax) {
      return invalid_argument("reading a fetch request: too many wants");
    }
    const Oid want = TRY_WITH("reading a fetch request", Oid::parse(hex));
    if (seen_.insert(want).second) request_.wants.push_back(want);
    return want;
  }

  [[nodiscard]] FetchRequest& request() const { return request_; }

 private:
  FetchRequest& request_;
  std::size_t want_lines_ = 0;
  std::unordered_set<Oid> seen_;
};

/// Arguments that both protocols spell the same way. False when `text` is none of them.
Result<bool> read_shared_argument(FetchRequest& request, std::string_view text) {
  if (text.starts_with("have ")) {
    request.haves.push_back(TRY(Oid::parse(text.substr(5))));
  } else if (text.starts_with("shallow ")) {
    request.shallow.push_back(TRY(Oid::parse(text.substr(8))));
  } else if (text == "done") {
    request.done = true;
  } else if (text.starts_with("deepen-not ")) {
    request.uses_deepen_not = true;
  } else if (text.starts_with("filter ")) {
    request.uses_filter = true;
  } else if (text.starts_with("deepen ")) {
    if (!is_number_to(text.substr(7), 1, INT32_MAX)) return unknown_argument(text);
  } else if (text.starts_with("deepen-since ")) {
    if (!is_number_to(text.substr(13), 0, INT64_MAX)) return unknown_argument(text);
  } else {
    return false;
  }
  return true;
}

/// The first want of a v0 request carries the capabilities.
Result<std::string> read_capabilities(FetchRequest& request, std::string_view capabilities) {
  std::string kept;
  for (const std::string_view word : split_words(capabilities)) {
    if (word.starts_with("agent=") || word.starts_with("session-id=")) continue;
    if (word == "include-tag") request.uses_include_tag = true;
    if (word.starts_with("object-format=") && word != "object-format=sha1") {
      return unknown_argument(word);
    }
    kept += std::string(word) + " ";
  }
  return kept;
}

Result<std::string> read_line_v0(FetchReader& reader, std::string_view text) {
  if (!text.starts_with("want ")) {
    const bool known = TRY(read_shared_argument(reader.request(), text));
    if (!known) return unknown_argument(text);
    return std::string(text);
  }
  text.remove_prefix(5);
  const std::size_t space = text.find(' ');
  const Oid want = TRY(reader.add_want(text.substr(0, space)));
  std::string normalized = "want " + want.hex();
  if (space != std::string_view::npos) {
    const std::string capabilities =
        TRY(read_capabilities(reader.request(), text.substr(space + 1)));
    normalized += " " + capabilities;
  }
  return normalized;
}

}  // namespace

GitProtocol parse_git_protocol(std::string_view header) {
  GitProtocol protocol = GitProtocol::kV0;
  while (!header.empty()) {
    const std::size_t colon = header.find(':');
    const std::string_view key = header.substr(0, colon);
    if (key == "version=1") protocol = GitProtocol::kV1;
    if (key == "version=2") protocol = GitProtocol::kV2;
    if (colon == std::string_view::npos) break;
    header.remove_prefix(colon + 1);
  }
  return protocol;
}

Result<FetchRequest> parse_fetch_request_v0(std::string_view body) {
  FetchRequest request;
  FetchReader lines(request);
  PktLineReader reader(body);
  while (!reader.at_end()) {
    const PktLine line = TRY(reader.next());
    if (line.kind == PktLine::Kind::kFlush) {
      request.normalized += "0000\n";
      continue;
    }
    if (line.kind != PktLine::Kind::kData) return unknown_argument("delimiter");
    const std::string normalized = TRY(read_line_v0(lines, line.text()));
    request.normalized += normalized + "\n";
  }
  if (request.wants.empty()) return invalid_argument("reading a fetch request: it wants nothing");
  return request;
}

Result<CommandRequestV2> parse_command_v2(std::string_view body) {
  CommandRequestV2 request;
  PktLineReader reader(body);
  bool in_arguments = false;
  while (!reader.at_end()) {
    const PktLine line = TRY(reader.next());
    if (line.kind == PktLine::Kind::kFlush) break;
    if (line.kind == PktLine::Kind::kDelimiter) {
      in_arguments = true;
      continue;
    }
    const std::string text(line.text());
    if (in_arguments) {
      request.arguments.push_back(text);
    } else if (text.starts_with("command=")) {
      request.command = text.substr(8);
    } else if (text.starts_with("object-format=") && text != "object-format=sha1") {
      return unknown_argument(text);
    }
  }
  if (request.command.empty()) return invalid_argument("reading a Git request: no command in it");
  if (!reader.at_end()) return invalid_argument("reading a Git request: bytes after its end");
  return request;
}

Result<FetchRequest> parse_fetch_arguments_v2(const CommandRequestV2& request) {
  constexpr std::array kPlain = {"thin-pack",       "no-progress",   "ofs-delta",
                                 "deepen-relative", "wait-for-done", "include-tag"};
  FetchRequest fetch;
  FetchReader lines(fetch);
  for (const std::string& argument : request.arguments) {
    if (argument.starts_with("want ")) {
      TRY(lines.add_want(std::string_view(argument).substr(5)));
    } else if (std::ranges::find(kPlain, argument) != kPlain.end()) {
      fetch.uses_include_tag = fetch.uses_include_tag || argument == "include-tag";
    } else {
      const bool known = TRY(read_shared_argument(fetch, argument));
      if (!known) return unknown_argument(argument);
    }
    fetch.normalized += argument + "\n";
  }
  return fetch;
}

Result<std::string> without_include_tag_v2(std::string_view body) {
  std::string kept;
  PktLineReader reader(body);
  while (!reader.at_end()) {
    const std::size_t before = reader.rest().size();
    const std::string_view packet = reader.rest();
    const PktLine line = TRY(reader.next());
    if (line.kind == PktLine::Kind::kData && line.text() == "include-tag") continue;
    kept += packet.substr(0, before - reader.rest().size());
  }
  return kept;
}

Result<std::string> with_known_haves(std::string body, const std::unordered_set<Oid>& known) {
  std::string changed = body;
  PktLineReader reader(body);
  while (!reader.at_end()) {
    const PktLine line = TRY(reader.next());
    if (line.kind != PktLine::Kind::kData) continue;
    const std::string_view text = line.text();
    const std::size_t at = text.starts_with("have ") ? 5 : text.starts_with("shallow ") ? 8 : 0;
    if (at == 0) continue;
    const Oid oid = TRY(Oid::parse(text.substr(at)));
    if (known.contains(oid)) continue;
    const auto offset = static_cast<std::size_t>(text.data() - body.data());
    changed.replace(offset + at, 2 * Oid::kBytes, 2 * Oid::kBytes, '0');
  }
  return changed;
}

Result<ListRefsRequest> parse_list_refs_arguments(const CommandRequestV2& request) {
  ListRefsRequest list;
  for (const std::string& argument : request.arguments) {
    if (argument == "peel") {
      list.peel = true;
    } else if (argument == "symrefs") {
      list.symrefs = true;
    } else if (argument == "unborn") {
      list.unborn = true;
    } else if (argument.starts_with("ref-prefix ")) {
      if (list.prefixes.size() < kListRefsPrefixesMax) list.prefixes.push_back(argument.substr(11));
    } else {
      return unknown_argument(argument);
    }
  }
  return list;
}

bool ListRefsRequest::matches(std::string_view ref) const {
  return prefixes.empty() || std::ranges::any_of(prefixes, [&](const std::string& prefix) {
           return ref.starts_with(prefix);
         });
}

}  // namespace statehouse
