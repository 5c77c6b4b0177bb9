#include "crypto/dsse.h"

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"

namespace statehouse {

namespace {

constexpr std::size_t kEnvelopeBytesMax = 16U << 20;
constexpr std::size_t kSignaturesMax = 32;

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a DSSE envelope: " + std::move(cause));
}

/// Standard base64, or URL-safe with or without padding: the DSSE specification asks for both.
Result<std::string> decode_either(std::string_view text) {
  Result<std::string> standard = base64_decode(text);
  if (standard) return standard;
  const std::size_t end = text.find_last_not_of('=');
  return base64url_decode(text.substr(0, end == text.npos ? 0 : end + 1));
}

Result<DsseSignature> parse_signature(const Json& object) {
  DsseSignature signature;
  if (object.is_object() && object.contains("keyid")) {
    signature.key_id = TRY(json_string(object, "keyid"));
  }
  const std::string text = TRY(json_string(object, "sig"));
  signature.bytes = TRY(decode_either(text));
  return signature;
}

}  // namespace

std::string dsse_pae(std::string_view payload_type, std::string_view payload) {
  std::string bytes = "DSSEv1 ";
  bytes.reserve(payload_type.size() + payload.size() + 64);
  bytes.append(std::to_string(payload_type.size())).append(" ").append(payload_type).append(" ");
  return bytes.append(std::to_string(payload.size())).append(" ").append(payload);
}

std::string DsseEnvelope::serialise() const {
  Json list = Json::array();
  for (const DsseSignature& signature : signatures) {
    list.push_back({{"keyid", signature.key_id}, {"sig", base64_encode(signature.bytes)}});
  }
  return dump_json({{"payload", base64_encode(payload)},
                    {"payloadType", payload_type},
                    {"signatures", std::move(list)}});
}

Result<DsseEnvelope> DsseEnvelope::parse(std::string_view json) {
  const Json object = TRY_WITH("reading a DSSE envelope", parse_json(json, kEnvelopeBytesMax));
  DsseEnvelope envelope;
  envelope.payload_type = TRY_WITH("reading a DSSE envelope", json_string(object, "payloadType"));
  const std::string payload = TRY_WITH("reading a DSSE envelope", json_string(object, "payload"));
  envelope.payload = TRY_WITH("reading a DSSE envelope", decode_either(payload));
  const Json* list = TRY_WITH("reading a DSSE envelope", json_member(object, "signatures"));
  if (!list->is_array() || list->size() > kSignaturesMax) {
    return malformed("its signatures are not a list, or too many");
  }
  for (const Json& item : *list) {
    DsseSignature signature = TRY_WITH("reading a DSSE envelope", parse_signature(item));
    envelope.signatures.push_back(std::move(signature));
  }
  return envelope;
}

DsseEnvelope sign_dsse(std::string_view payload_type, std::string_view payload,
                       const std::vector<const Ed25519SecretKey*>& keys) {
  DsseEnvelope envelope{std::string(payload_type), std::string(payload), {}};
  const std::string message = dsse_pae(payload_type, payload);
  for (const Ed25519SecretKey* key : keys) {
    envelope.signatures.push_back({key->public_key().key_id(), key->sign(message)});
  }
  return envelope;
}

DsseEnvelope sign_dsse(std::string_view payload_type, std::string_view payload,
                       const Ed25519SecretKey& key) {
  return sign_dsse(payload_type, payload, std::vector{&key});
}

Result<VerifiedDsse> verify_dsse(const DsseEnvelope& envelope, std::string_view payload_type,
                                 const std::vector<Ed25519PublicKey>& keys, std::size_t threshold) {
  STATEHOUSE_ASSERT(threshold >= 1);
  const std::string message = dsse_pae(envelope.payload_type, envelope.payload);
  VerifiedDsse verified;
  for (const Ed25519PublicKey& key : keys) {
    const std::string key_id = key.key_id();
    const bool has_signed =
        std::ranges::any_of(envelope.signatures, [&](const DsseSignature& signature) {
          return (signature.key_id.empty() || signature.key_id == key_id) &&
                 key.verify(message, signature.bytes);
        });
    const bool is_new = std::ranges::find(verified.keys_, key) == verified.keys_.end();
    if (has_signed && is_new) verified.keys_.push_back(key);
  }
  if (verified.keys_.size() < threshold) {
    return unverified("verifying a DSSE envelope: " + std::to_string(verified.keys_.size()) +
                      " of the " + std::to_string(threshold) + " signatures needed hold");
  }
  if (envelope.payload_type != payload_type) {
    return unverified("verifying a DSSE envelope: its payload type is `" +
                      escape_for_message(envelope.payload_type) + "`");
  }
  verified.payload_ = envelope.payload;
  verified.payload_type_ = envelope.payload_type;
  return verified;
}

Result<SshSignatureVerified> verify_dsse_ssh(const DsseEnvelope& envelope,
                                             const DsseSignature& signature,
                                             std::string_view signature_namespace) {
  SshSignatureVerified verified = TRY(verify_ssh_signature(
      dsse_pae(envelope.payload_type, envelope.payload), signature.bytes, signature_namespace));
  if (verified.key().fingerprint() != signature.key_id) {
    return unverified("verifying a DSSE signature: its key id is not the key that signed");
  }
  return verified;
}

DsseSignature sign_dsse_ssh(std::string_view payload_type, std::string_view payload,
                            std::string_view signature_namespace, const Ed25519SecretKey& key) {
  return {SshPublicKey::from_ed25519(key.public_key()).fingerprint(),
          sign_sshsig(dsse_pae(payload_type, payload), signature_namespace, key)};
}

}  // namespace statehouse
