#include "crypto/trust.h"

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/strict_json.h"

namespace statehouse {

namespace {

constexpr std::size_t kTrustBytesMax = 1U << 20;
constexpr std::size_t kKeysMax = 100;

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a trust document: " + std::move(cause));
}

Json root_key_json(const Ed25519PublicKey& key) {
  return {{"keyid", key.key_id()}, {"publicKey", key.base64()}};
}

Json trust_keys_json(const std::vector<TrustKey>& keys) {
  Json list = Json::array();
  for (const TrustKey& key : keys) {
    Json object = root_key_json(key.public_key);
    object["epoch"] = key.epoch;
    object["validFrom"] = key.valid_from.rfc3339();
    object["validUntil"] = key.valid_until ? Json(key.valid_until->rfc3339()) : Json(nullptr);
    list.push_back(std::move(object));
  }
  return list;
}

Result<Ed25519PublicKey> parse_key(const Json& object) {
  const std::string text = TRY(json_string(object, "publicKey"));
  const Ed25519PublicKey key = TRY(Ed25519PublicKey::from_base64(text));
  TRY(require_text(object, "keyid", key.key_id()));
  return key;
}

Result<TrustKey> parse_trust_key(const Json& object) {
  TRY(require_members(object, {"epoch", "keyid", "publicKey", "validFrom", "validUntil"}));
  TrustKey key;
  key.public_key = TRY(parse_key(object));
  key.epoch = TRY(strict_count(object, "epoch"));
  key.valid_from = TRY(strict_time(object, "validFrom"));
  if (!is_null(object, "validUntil")) key.valid_until = TRY(strict_time(object, "validUntil"));
  return key;
}

Result<std::vector<TrustKey>> parse_trust_keys(const Json& keys, std::string_view name) {
  const Json* list = TRY(strict_array(keys, name, kKeysMax));
  std::vector<TrustKey> parsed;
  for (const Json& object : *list) {
    const TrustKey key = TRY_WITH(std::string(name), parse_trust_key(object));
    parsed.push_back(key);
  }
  return parsed;
}

Result<> parse_root(const Json& object, TrustContent& content) {
  const Json* root = TRY(strict_object(object, "root", {"keys", "threshold"}));
  content.root_threshold = TRY(strict_count(*root, "threshold"));
  const Json* keys = TRY(strict_array(*root, "keys", kKeysMax));
  for (const Json& item : *keys) {
    TRY(require_members(item, {"keyid", "publicKey"}));
    const Ed25519PublicKey key = TRY(parse_key(item));
    if (std::ranges::find(content.root_keys, key) != content.root_keys.end()) {
      return malformed("a root key occurs twice");
    }
    content.root_keys.push_back(key);
  }
  if (content.root_threshold < 1 || content.root_threshold > content.root_keys.size()) {
    return malformed("its root threshold cannot be met");
  }
  return {};
}

Result<> parse_sealing(const Json& keys, TrustContent& content) {
  const Json* sealing = TRY(strict_object(keys, "sealing", {"openpgp", "ssh"}));
  const Json* openpgp = TRY(strict_object(*sealing, "openpgp", {"fingerprint", "publicKey"}));
  content.sealing_openpgp_fingerprint = TRY(strict_text(*openpgp, "fingerprint"));
  content.sealing_openpgp_key = TRY(json_string(*openpgp, "publicKey"));
  const bool is_fingerprint = content.sealing_openpgp_fingerprint.size() == 40 &&
                              content.sealing_openpgp_fingerprint.find_first_not_of(
                                  "0123456789ABCDEF") == std::string::npos;
  if (!is_fingerprint || content.sealing_openpgp_key.size() > limits::kPublicKeyBytesMax) {
    return malformed("its OpenPGP sealing key is not a fingerprint and a key");
  }
  const Json* ssh = TRY(strict_object(*sealing, "ssh", {"fingerprint", "publicKey"}));
  content.sealing_ssh_fingerprint = TRY(strict_text(*ssh, "fingerprint"));
  content.sealing_ssh_key = TRY(strict_text(*ssh, "publicKey"));
  const SshPublicKey key = TRY(SshPublicKey::parse_line(content.sealing_ssh_key));
  if (key.fingerprint() != content.sealing_ssh_fingerprint) {
    return malformed("its SSH sealing key has another fingerprint");
  }
  return {};
}

Result<TrustContent> parse_content(std::string_view payload) {
  const Json object = TRY(parse_json(payload, kTrustBytesMax));
  TRY(require_members(object, {"epoch", "issued", "keys", "origin", "root", "type", "version"}));
  TRY(require_text(object, "type", kTrustType));
  TrustContent content;
  content.version = TRY(strict_count(object, "version"));
  content.origin = TRY(strict_text(object, "origin"));
  content.epoch = TRY(strict_count(object, "epoch"));
  content.issued = TRY(strict_time(object, "issued"));
  if (content.version < 1 || content.epoch < 1) return malformed("versions and epochs begin at 1");
  TRY(parse_root(object, content));
  const Json* keys =
      TRY(strict_object(object, "keys", {"attestations", "log", "sealing", "statements"}));
  content.log_keys = TRY(parse_trust_keys(*keys, "log"));
  content.statement_keys = TRY(parse_trust_keys(*keys, "statements"));
  content.attestation_keys = TRY(parse_trust_keys(*keys, "attestations"));
  TRY(parse_sealing(*keys, content));
  return content;
}

/// What `bytes` say, signed by the threshold of the document's own root keys.
struct SelfSigned {
  DsseEnvelope envelope;
  TrustContent content;
};

Result<> require_root_signatures(const DsseEnvelope& envelope, const TrustContent& by) {
  TRY(verify_dsse(envelope, kTrustPayloadType, by.root_keys, by.root_threshold));
  return {};
}

Result<SelfSigned> open_self_signed(std::string_view bytes) {
  DsseEnvelope envelope = TRY(DsseEnvelope::parse(bytes));
  TrustContent content = TRY(TrustContent::parse(envelope.payload));
  TRY_WITH("the document's own root keys", require_root_signatures(envelope, content));
  return SelfSigned{std::move(envelope), std::move(content)};
}

/// The checks that both kinds of statements share, before their payload is believed.
Result<> require_from(const TrustDocument& trust, std::string_view origin, std::uint64_t epoch) {
  if (origin != trust.origin()) {
    return unverified("verifying a statement: wrong origin: it is of `" +
                      escape_for_message(origin) + "`, not of `" + trust.origin() + "`");
  }
  if (epoch > trust.epoch()) {
    return unverified("verifying a statement: its epoch " + std::to_string(epoch) +
                          " is newer than the trust document",
                      "update the trust document");
  }
  return {};
}

}  // namespace

std::string TrustContent::payload() const {
  Json roots = Json::array();
  for (const Ed25519PublicKey& key : root_keys) roots.push_back(root_key_json(key));
  const Json sealing = {
      {"openpgp",
       {{"fingerprint", sealing_openpgp_fingerprint}, {"publicKey", sealing_openpgp_key}}},
      {"ssh", {{"fingerprint", sealing_ssh_fingerprint}, {"publicKey", sealing_ssh_key}}}};
  return dump_json({{"epoch", epoch},
                    {"issued", issued.rfc3339()},
                    {"keys",
                     {{"attestations", trust_keys_json(attestation_keys)},
                      {"log", trust_keys_json(log_keys)},
                      {"sealing", sealing},
                      {"statements", trust_keys_json(statement_keys)}}},
                    {"origin", origin},
                    {"root", {{"keys", std::move(roots)}, {"threshold", root_threshold}}},
                    {"type", kTrustType},
                    {"version", version}});
}

Result<TrustContent> TrustContent::parse(std::string_view payload) {
  return TRY_WITH("reading a trust document", parse_content(payload));
}

Result<std::string> sign_trust(const TrustContent& content,
                               const std::vector<const Ed25519SecretKey*>& root_keys) {
  const std::string payload = content.payload();
  TRY_WITH("signing a trust document", TrustContent::parse(payload));
  return sign_dsse(kTrustPayloadType, payload, root_keys).serialise();
}

Result<TrustDocument> TrustDocument::pin(std::string_view bytes) {
  auto opened = open_self_signed(bytes);
  if (!opened && opened.error().code == ErrorCode::kInvalidArgument) {
    return invalid_argument("this is no trust document: " + opened.error().message,
                            "give the trust.json that `statehouse init` made, or that the server "
                            "has at /trust.json");
  }
  if (!opened) {
    return std::unexpected(std::move(opened).error().with_context("pinning a trust document"));
  }
  return TrustDocument(std::move(opened->content), std::string(bytes));
}

Result<TrustDocument> TrustDocument::verify_update(std::string_view bytes) const {
  SelfSigned opened = TRY_WITH("updating a trust document", open_self_signed(bytes));
  TRY_WITH("updating a trust document: the present root keys",
           require_root_signatures(opened.envelope, content_));
  const auto bad = [](std::string cause) {
    return unverified("updating a trust document: " + std::move(cause));
  };
  if (opened.content.origin != content_.origin) return bad("it is of another store");
  if (opened.content.version != content_.version + 1) {
    return bad("version " + std::to_string(opened.content.version) + " does not follow version " +
               std::to_string(content_.version));
  }
  if (opened.content.epoch < content_.epoch) return bad("its epoch is lower");
  return TrustDocument(std::move(opened.content), std::string(bytes));
}

Result<std::vector<NoteKey>> TrustDocument::log_keys(std::uint64_t epoch) const {
  std::vector<NoteKey> keys;
  for (const TrustKey& key : content_.log_keys) {
    if (key.epoch != epoch) continue;
    NoteKey note_key = TRY(NoteKey::create(content_.origin, NoteKeyType::kEd25519, key.public_key));
    keys.push_back(std::move(note_key));
  }
  if (keys.empty()) {
    return not_found("the trust document has no log key for epoch " + std::to_string(epoch));
  }
  return keys;
}

std::vector<Ed25519PublicKey> TrustDocument::statement_keys(std::uint64_t epoch,
                                                            Timestamp time) const {
  std::vector<Ed25519PublicKey> keys;
  for (const TrustKey& key : content_.statement_keys) {
    if (key.epoch == epoch && key.is_valid_at(time)) keys.push_back(key.public_key);
  }
  return keys;
}

Result<VersionStatement> open_version_statement(std::string_view envelope,
                                                const TrustDocument& trust) {
  const DsseEnvelope parsed = TRY(DsseEnvelope::parse(envelope));
  // The payload names the epoch and time that choose the key; nothing else of it is used before
  // the signature has been verified.
  VersionStatement statement = TRY(VersionStatement::parse(parsed.payload));
  TRY(require_from(trust, statement.origin, statement.epoch));
  TRY_WITH("verifying a version statement",
           verify_dsse(parsed, kInTotoPayloadType,
                       trust.statement_keys(statement.epoch, statement.time)));
  return statement;
}

Result<HeadStatement> open_head_statement(std::string_view envelope, const TrustDocument& trust) {
  const DsseEnvelope parsed = TRY(DsseEnvelope::parse(envelope));
  HeadStatement statement = TRY(HeadStatement::parse(parsed.payload));
  TRY(require_from(trust, statement.origin, statement.epoch));
  TRY_WITH("verifying a head statement",
           verify_dsse(parsed, kHeadPayloadType,
                       trust.statement_keys(statement.epoch, statement.issued)));
  return statement;
}

namespace {

constexpr std::string_view kRootKeyHeader = "STATEHOUSE ROOT KEY v1\n";

/// Takes "`name`: value LF" off `text`.
Result<std::string> take_field(std::string_view& text, std::string_view name) {
  const std::string start = std::string(name) + ": ";
  const std::size_t end = text.find('\n');
  if (!text.starts_with(start) || end == text.npos) {
    return invalid_argument("reading a root key: no `" + std::string(name) + "` line");
  }
  std::string value(text.substr(start.size(), end - start.size()));
  text.remove_prefix(end + 1);
  return value;
}

}  // namespace

std::string format_root_key_file(std::string_view origin, const Ed25519SecretKey& key) {
  std::string seed = key.reveal_secret_seed();
  std::string encoded = base64_encode(seed);
  wipe_secret(seed);
  std::string text(kRootKeyHeader);
  text.append("origin: ").append(origin);
  text.append("\nkey-id: ").append(key.public_key().key_id());
  text.append("\nseed: ").append(encoded).append("\n");
  wipe_secret(encoded);
  return text;
}

Result<RootKeyFile> parse_root_key_file(std::string_view text) {
  if (!text.starts_with(kRootKeyHeader)) {
    return invalid_argument("reading a root key: the first line is not `STATEHOUSE ROOT KEY v1`");
  }
  text.remove_prefix(kRootKeyHeader.size());
  std::string origin = TRY(take_field(text, "origin"));
  const std::string key_id = TRY(take_field(text, "key-id"));
  std::string encoded = TRY(take_field(text, "seed"));
  Result<std::string> seed = base64_decode(encoded);
  wipe_secret(encoded);
  if (!seed) return invalid_argument("reading a root key: its seed is not base64");
  Result<Ed25519SecretKey> key = Ed25519SecretKey::from_seed(*seed);
  wipe_secret(*seed);
  if (!key) return std::unexpected(std::move(key).error());
  if (key->public_key().key_id() != key_id) {
    return invalid_argument("reading a root key: its key-id does not belong to its seed",
                            "it was copied wrongly: compare every character");
  }
  if (origin.empty() || !text.empty()) {
    return invalid_argument("reading a root key: not exactly four lines");
  }
  return RootKeyFile{std::move(origin), *std::move(key)};
}

}  // namespace statehouse
