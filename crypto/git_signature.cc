#include <array>
#include <optional>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/git_object.h"
#include "crypto/git_text.h"

namespace statehouse {

namespace {

struct ArmorKind {
  GitSignatureFormat format;
  std::string_view begin;
  std::string_view end;
};

constexpr std::array kArmorKinds = {
    ArmorKind{GitSignatureFormat::kSsh, "-----BEGIN SSH SIGNATURE-----",
              "-----END SSH SIGNATURE-----"},
    ArmorKind{GitSignatureFormat::kOpenPgp, "-----BEGIN PGP SIGNATURE-----",
              "-----END PGP SIGNATURE-----"},
    ArmorKind{GitSignatureFormat::kX509, "-----BEGIN SIGNED MESSAGE-----",
              "-----END SIGNED MESSAGE-----"},
};
// Git takes this one as a signature too; it carries its own text, so we never do.
constexpr std::string_view kPgpMessage = "-----BEGIN PGP MESSAGE-----";

constexpr std::size_t kArmorHeadersMax = 8;
constexpr std::size_t kArmorColumnsMax = 76;  // RFC 4880, section 6.3

GitSignatureSplit malformed(std::string reason) {
  return {GitSignatureState::kMalformed, {}, std::move(reason)};
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

/// "Comment: printable ASCII"
bool is_armor_header(std::string_view line) {
  const std::size_t colon = line.find(": ");
  if (colon == 0 || colon == line.npos) return false;
  for (const char c : line) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return line.substr(0, colon).find_first_of(" -=") == line.npos;
}

bool is_base64_line(std::string_view line) {
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  return !line.empty() && line.size() <= kArmorColumnsMax &&
         line.find_first_not_of(kCharacters) == line.npos;
}

/// Takes OpenPGP's armor headers and the blank line behind them off `inner`.
bool take_openpgp_headers(std::string_view& inner) {
  for (std::size_t count = 0; count <= kArmorHeadersMax; ++count) {
    if (inner.empty()) return false;
    const std::string_view line = take_line(inner);
    if (line.empty()) return true;
    if (!is_armor_header(line)) return false;
  }
  return false;
}

/// The kind of `armored` when it is one whole armor block, ends in one LF, and is nothing else.
/// Base64 itself is read where the signature is verified.
std::optional<ArmorKind> whole_armor(std::string_view armored) {
  if (armored.size() > limits::kSignatureBytesMax || !armored.ends_with('\n')) return std::nullopt;
  armored.remove_suffix(1);
  for (const ArmorKind& kind : kArmorKinds) {
    const std::string begin = std::string(kind.begin) + "\n";
    const std::string end = "\n" + std::string(kind.end);
    if (armored.size() < begin.size() + end.size() || !armored.starts_with(begin) ||
        !armored.ends_with(end)) {
      continue;
    }
    std::string_view inner = armored.substr(begin.size());
    inner.remove_suffix(end.size());
    if (kind.format == GitSignatureFormat::kOpenPgp && !take_openpgp_headers(inner)) break;
    bool any = false;
    bool clean = !inner.ends_with('\n');  // an empty last line
    for (; clean && !inner.empty(); any = true) clean = is_base64_line(take_line(inner));
    if (any && clean) return kind;
    break;
  }
  return std::nullopt;
}

/// The `gpgsig` header that holds `armored`.
std::string signature_header(std::string_view armored) {
  std::string header = "gpgsig";
  while (!armored.empty()) header.append(" ").append(take_line(armored)).append("\n");
  return header;
}

/// The first header that is not where the canonical shape has it; empty when all are.
std::string misplaced_header(const GitText& text) {
  std::size_t at = 0;
  const auto skip = [&](std::string_view name, std::size_t count_max) {
    for (std::size_t i = 0; i < count_max && at < text.headers.size(); ++i) {
      if (text.headers[at].name != name) return;
      ++at;
    }
  };
  skip("tree", 1);
  skip("parent", SIZE_MAX);
  skip("author", 1);
  skip("committer", 1);
  skip("encoding", 1);
  skip("mergetag", SIZE_MAX);
  skip("gpgsig", 1);
  return at < text.headers.size() ? text.headers[at].name : std::string();
}

std::string misplaced_reason(const GitText& text, const std::string& name) {
  std::size_t signatures = 0;
  for (const GitHeader& header : text.headers) signatures += header.name == "gpgsig" ? 1 : 0;
  if (name == "gpgsig" && signatures > 1) return "it has more than one `gpgsig` header";
  if (signatures == 1 && text.headers.back().name != "gpgsig") {
    return "its `gpgsig` header is not the last one";
  }
  return "its header `" + escape_for_message(name, 64) + "` is not part of the canonical shape";
}

}  // namespace

GitSignatureSplit split_commit(std::string_view raw) {
  if (raw.find('\0') != raw.npos) return malformed("there is a NUL in it");
  const Result<GitText> text = split_git_text(raw);
  if (!text) return malformed(text.error().message);
  const Result<CommitObject> commit = parse_commit(raw);
  if (!commit) return malformed(commit.error().message);
  const std::string misplaced = misplaced_header(*text);
  if (!misplaced.empty()) return malformed(misplaced_reason(*text, misplaced));
  if (text->headers.back().name != "gpgsig") return {GitSignatureState::kUnsigned, {}, {}};

  const std::string armored = text->headers.back().value + "\n";
  const std::optional<ArmorKind> kind = whole_armor(armored);
  if (!kind) return malformed("its `gpgsig` header is not one whole signature and nothing else");
  const std::size_t start = text->header_ends[text->header_ends.size() - 2];
  const std::size_t end = text->header_ends.back();
  std::string payload = std::string(raw.substr(0, start)).append(raw.substr(end));
  if (signature_header(armored) != raw.substr(start, end - start)) {
    return malformed("its `gpgsig` header is not written as Git writes it");
  }
  return {GitSignatureState::kSigned, {std::move(payload), armored, kind->format}, {}};
}

namespace {

constexpr std::array<std::string_view, 4> kTagHeaders = {"object", "type", "tag", "tagger"};

/// Offsets in `raw` of the lines of the body that start like a signature.
std::vector<std::size_t> armor_lines(std::string_view raw, std::size_t body_at) {
  std::vector<std::size_t> lines;
  for (std::size_t at = body_at; at < raw.size();) {
    const std::string_view rest = raw.substr(at);
    bool is_armor = rest.starts_with(kPgpMessage);
    for (const ArmorKind& kind : kArmorKinds) is_armor = is_armor || rest.starts_with(kind.begin);
    if (is_armor) lines.push_back(at);
    const std::size_t line_end = rest.find('\n');
    if (line_end == rest.npos) break;
    at += line_end + 1;
  }
  return lines;
}

}  // namespace

GitSignatureSplit split_tag(std::string_view raw) {
  if (raw.find('\0') != raw.npos) return malformed("there is a NUL in it");
  const Result<GitText> text = split_git_text(raw);
  if (!text) return malformed(text.error().message);
  const Result<TagObject> tag = parse_tag(raw);
  if (!tag) return malformed(tag.error().message);
  if (text->headers.size() != kTagHeaders.size()) {
    return malformed("its header `" +
                     escape_for_message(text->headers[kTagHeaders.size()].name, 64) +
                     "` is not part of the canonical shape");
  }
  const std::vector<std::size_t> lines = armor_lines(raw, raw.size() - text->body.size());
  if (lines.empty()) return {GitSignatureState::kUnsigned, {}, {}};
  if (lines.size() > 1) return malformed("it has more than one signature");
  const std::string_view armored = raw.substr(lines[0]);
  const std::optional<ArmorKind> kind = whole_armor(armored);
  if (!kind) return malformed("it does not end in one whole signature");
  return {GitSignatureState::kSigned,
          {std::string(raw.substr(0, lines[0])), std::string(armored), kind->format},
          {}};
}

Result<std::string> attach_signature(std::string_view payload, std::string_view armored) {
  const GitText text = TRY(split_git_text(payload));
  std::string raw(payload.substr(0, text.headers_end));
  raw.append(signature_header(armored)).append(payload.substr(text.headers_end));
  const GitSignatureSplit split = split_commit(raw);
  if (split.state != GitSignatureState::kSigned || split.signed_payload.payload != payload ||
      split.signed_payload.signature != armored) {
    return invalid_argument("signing a commit: " +
                            (split.reason.empty() ? "the commit is signed already" : split.reason));
  }
  return raw;
}

Result<std::string> attach_tag_signature(std::string_view payload, std::string_view armored) {
  std::string raw = std::string(payload).append(armored);
  const GitSignatureSplit split = split_tag(raw);
  if (split.state != GitSignatureState::kSigned || split.signed_payload.payload != payload ||
      split.signed_payload.signature != armored) {
    return invalid_argument("signing a tag: " + (split.reason.empty()
                                                     ? "its body does not end in a line end"
                                                     : split.reason));
  }
  return raw;
}

}  // namespace statehouse
