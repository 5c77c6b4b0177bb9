#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"

namespace statehouse {

// Commits and annotated tags, split on their raw bytes (the content of the object, without the
// "commit <size>\0" in front), always with explicit lengths. libgit2's signature extraction is not
// used: it stops at the first NUL, finds signatures in the message, and mangles other `gpgsig…`
// headers. Object ids are 40 lower-case hexadecimal digits here; this layer computes no SHA-1.

/// One "author", "committer" or "tagger": `name <email> seconds zone`.
struct GitPerson {
  std::string name;
  std::string email;
  std::int64_t unix_seconds = 0;
  std::string time_zone = "+0000";  ///< sign and four digits

  bool operator==(const GitPerson&) const = default;
};

/// One header with its continuation lines joined by LF (the leading space of each removed).
struct GitHeader {
  std::string name;
  std::string value;

  bool operator==(const GitHeader&) const = default;
};

/// What a commit says. Unverified.
struct CommitObject {
  std::string tree;
  std::vector<std::string> parents;
  GitPerson author;
  GitPerson committer;
  std::vector<GitHeader> headers;  ///< all of them in order, those above included
  std::string message;             ///< after the blank line; may hold any byte
};

/// What an annotated tag says. Unverified. `message` still has the signature at its end.
struct TagObject {
  std::string object;
  std::string object_type;  ///< "commit", "tree", "blob" or "tag"
  std::string name;
  GitPerson tagger;
  std::string message;
};

/// Reads the fields of any commit that `git index-pack --strict` takes: tree, parents, author and
/// committer first, in this order, then any headers. It does not judge the canonical shape.
/// Errors: kInvalidArgument, also beyond limits::kCommitBytesMax.
Result<CommitObject> parse_commit(std::string_view raw);
Result<TagObject> parse_tag(std::string_view raw);

enum class GitSignatureFormat {
  kSsh,      ///< -----BEGIN SSH SIGNATURE-----
  kOpenPgp,  ///< -----BEGIN PGP SIGNATURE-----
  kX509,     ///< -----BEGIN SIGNED MESSAGE----- (recognised; nothing here verifies it)
};

/// The bytes that were signed and the signature over them. Unverified.
struct SignedPayload {
  std::string payload;
  std::string signature;  ///< armored, from its BEGIN line to its END line, with a final LF
  GitSignatureFormat format = GitSignatureFormat::kSsh;
};

enum class GitSignatureState {
  kUnsigned,
  kSigned,     ///< `signed_payload` is set; now verify it
  kMalformed,  ///< `reason` says what is wrong; never accept it as signed or as unsigned
};

struct GitSignatureSplit {
  GitSignatureState state = GitSignatureState::kMalformed;
  SignedPayload signed_payload;  ///< only for kSigned
  std::string reason;            ///< only for kMalformed; safe to show
};

/// Splits a commit into payload and signature and requires the canonical shape.
///
/// Git drops every header that starts with `gpgsig` from what it verifies, so one good signature is
/// good for many commit ids. The canonical shape takes that freedom away. (What is left is inside
/// the armor: line width, OpenPGP packets. So approvals and the log bind ids.) The shape is: tree,
/// parent*, author, committer, [encoding], mergetag*, then exactly one `gpgsig` as the last header,
/// a blank line, the message. No NUL anywhere; no other header; the value of `gpgsig` is one armor
/// block, whole and with nothing around it; putting payload and signature together again gives
/// `raw` byte for byte. A commit without `gpgsig` that breaks these rules is kMalformed too, not
/// kUnsigned.
GitSignatureSplit split_commit(std::string_view raw);

/// The same for annotated tags: object, type, tag, tagger, a blank line, the body; the one armor
/// block ends the body. A second armor header line in the body, any further header, or text after
/// the armor make it kMalformed.
GitSignatureSplit split_tag(std::string_view raw);

/// The parts of a commit that we write ourselves.
struct CommitParts {
  std::string tree;
  std::vector<std::string> parents;
  GitPerson author;
  GitPerson committer;
  std::string message;
};

/// The bytes of an unsigned commit in canonical shape.
/// Errors: kInvalidArgument when a field cannot be written (bad id, LF or <> in a name, NUL).
Result<std::string> build_commit_payload(const CommitParts& parts);

/// The bytes of an unsigned annotated tag.
Result<std::string> build_tag_payload(const TagObject& tag);

/// Puts `armored` into `payload` as its last header. `split_commit` of the result is kSigned with
/// exactly these two. Errors: kInvalidArgument when either is not of the right shape.
Result<std::string> attach_signature(std::string_view payload, std::string_view armored);

/// Puts `armored` after `payload` of a tag. Same promise and errors.
Result<std::string> attach_tag_signature(std::string_view payload, std::string_view armored);

/// SHA-256 over `<type> <size>\0<raw>`: the id the same bytes would have in a SHA-256 repository.
/// For commits this is the `commitSha256` of our formats. 64 lower-case hexadecimal digits.
std::string git_object_sha256(std::string_view type, std::string_view raw);

}  // namespace statehouse
