#include "crypto/git_object.h"

#include <charconv>
#include <optional>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/git_text.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::size_t kOidDigits = 40;
constexpr std::size_t kTimeDigitsMax = 18;

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a Git object: " + std::move(cause));
}

bool is_oid(std::string_view text) {
  return text.size() == kOidDigits && hex_decode(text).has_value();
}

bool is_time_zone(std::string_view text) {
  return text.size() == 5 && (text[0] == '+' || text[0] == '-') &&
         text.find_first_not_of("0123456789", 1) == text.npos;
}

/// `name <email> seconds zone`, by the rules of git's fsck_ident().
Result<GitPerson> parse_person(std::string_view header, std::string_view value) {
  const auto bad = [&](const char* cause) {
    return malformed("`" + std::string(header) + "` " + cause);
  };
  if (value.find('\n') != value.npos) return bad("has more than one line");
  const std::size_t open = value.find_first_of("<>");
  if (open == value.npos || value[open] != '<' || open == 0 || value[open - 1] != ' ') {
    return bad("has no ` <email>`");
  }
  const std::size_t close = value.find_first_of("<>", open + 1);
  if (close == value.npos || value[close] != '>') return bad("has an unclosed e-mail address");
  std::string_view rest = value.substr(close + 1);
  const std::size_t zone_at = rest.rfind(' ');
  if (!rest.starts_with(' ') || zone_at == 0 || !is_time_zone(rest.substr(zone_at + 1))) {
    return bad("has no time and time zone");
  }
  const std::string_view digits = rest.substr(1, zone_at - 1);
  if (digits.empty() || digits.size() > kTimeDigitsMax || (digits[0] == '0' && digits != "0") ||
      digits.find_first_not_of("0123456789") != digits.npos) {
    return bad("has a bad time");
  }
  GitPerson person{std::string(value.substr(0, open - 1)),
                   std::string(value.substr(open + 1, close - open - 1)), 0,
                   std::string(rest.substr(zone_at + 1))};
  std::from_chars(digits.data(), digits.data() + digits.size(), person.unix_seconds);
  return person;
}

Result<> check_writable(const GitPerson& person) {
  const auto writable = [](std::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '<' || c == '>') return false;
    }
    return !text.starts_with(' ') && !text.ends_with(' ');
  };
  if (person.name.empty() || !writable(person.name) || !writable(person.email) ||
      person.unix_seconds < 0 || !is_time_zone(person.time_zone)) {
    return invalid_argument("writing a Git object: a name, e-mail address or time cannot be used");
  }
  return {};
}

std::string person_line(std::string_view header, const GitPerson& person) {
  return std::string(header) + " " + person.name + " <" + person.email + "> " +
         std::to_string(person.unix_seconds) + " " + person.time_zone + "\n";
}

/// Takes headers from the front, in the order that Git writes them.
class HeaderCursor {
 public:
  explicit HeaderCursor(const std::vector<GitHeader>& headers) : headers_(headers) {}

  [[nodiscard]] bool next_is(std::string_view name) const {
    return at_ < headers_.size() && headers_[at_].name == name;
  }

  Result<std::string_view> take(std::string_view name) {
    if (!next_is(name)) return malformed("`" + std::string(name) + "` is not where it must be");
    return headers_[at_++].value;
  }

  Result<std::string> take_oid(std::string_view name) {
    const std::string_view value = TRY(take(name));
    if (!is_oid(value)) return malformed("`" + std::string(name) + "` is not an object id");
    return std::string(value);
  }

  Result<GitPerson> take_person(std::string_view name) {
    const std::string_view value = TRY(take(name));
    return parse_person(name, value);
  }

 private:
  const std::vector<GitHeader>& headers_;
  std::size_t at_ = 0;
};

}  // namespace

Result<CommitObject> parse_commit(std::string_view raw) {
  GitText text = TRY(split_git_text(raw));
  CommitObject commit;
  commit.headers = std::move(text.headers);
  HeaderCursor cursor(commit.headers);
  commit.tree = TRY(cursor.take_oid("tree"));
  while (cursor.next_is("parent")) {
    std::string parent = TRY(cursor.take_oid("parent"));
    commit.parents.push_back(std::move(parent));
  }
  commit.author = TRY(cursor.take_person("author"));
  commit.committer = TRY(cursor.take_person("committer"));
  commit.message = std::string(text.body);
  return commit;
}

Result<TagObject> parse_tag(std::string_view raw) {
  const GitText text = TRY(split_git_text(raw));
  HeaderCursor cursor(text.headers);
  TagObject tag;
  tag.object = TRY(cursor.take_oid("object"));
  tag.object_type = std::string(TRY(cursor.take("type")));
  if (tag.object_type != "commit" && tag.object_type != "tree" && tag.object_type != "blob" &&
      tag.object_type != "tag") {
    return malformed("`type` is not a type of object");
  }
  tag.name = std::string(TRY(cursor.take("tag")));
  tag.tagger = TRY(cursor.take_person("tagger"));
  tag.message = std::string(text.body);
  return tag;
}

Result<std::string> build_commit_payload(const CommitParts& parts) {
  TRY(check_writable(parts.author));
  TRY(check_writable(parts.committer));
  std::string raw = "tree " + parts.tree + "\n";
  for (const std::string& parent : parts.parents) raw += "parent " + parent + "\n";
  raw += person_line("author", parts.author) + person_line("committer", parts.committer) + "\n" +
         parts.message;
  const GitSignatureSplit split = split_commit(raw);
  if (split.state != GitSignatureState::kUnsigned) {
    return invalid_argument("writing a commit: " + split.reason);
  }
  return raw;
}

Result<std::string> build_tag_payload(const TagObject& tag) {
  TRY(check_writable(tag.tagger));
  if (tag.name.empty() || tag.name.find('\n') != tag.name.npos) {
    return invalid_argument("writing a tag: its name cannot be used");
  }
  std::string raw = "object " + tag.object + "\ntype " + tag.object_type + "\ntag " + tag.name +
                    "\n" + person_line("tagger", tag.tagger) + "\n" + tag.message;
  const GitSignatureSplit split = split_tag(raw);
  if (split.state != GitSignatureState::kUnsigned) {
    return invalid_argument("writing a tag: " + (split.reason.empty()
                                                     ? "its message holds a signature"
                                                     : split.reason));
  }
  return raw;
}

std::string git_object_sha256(std::string_view type, std::string_view raw) {
  Sha256 hash;
  hash.update(type).update(" ").update(std::to_string(raw.size())).update({"\0", 1}).update(raw);
  return hex_encode(hash.finish());
}

}  // namespace statehouse
