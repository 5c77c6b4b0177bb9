#include "crypto/sshsig.h"

#include <array>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/public_key.h"
#include "crypto/sha256.h"
#include "crypto/ssh_wire.h"

namespace statehouse {

namespace {

constexpr std::string_view kHeader = "-----BEGIN SSH SIGNATURE-----\n";
constexpr std::string_view kFooter = "\n-----END SSH SIGNATURE-----";
constexpr std::string_view kMagic = "SSHSIG";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kOpenSshColumns = 70;
constexpr std::size_t kSpecificationColumns = 76;
constexpr std::string_view kWebAuthnSignature = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading an SSH signature: " + std::move(cause));
}

std::unexpected<Error> bad_signature() {
  return unverified("verifying an SSH signature: it does not match the signed bytes");
}

/// Joins lines of exactly `columns` characters; the last one has 1 to `columns`.
bool join_lines(std::string_view lines, std::size_t columns, std::string& joined) {
  joined.clear();
  while (lines.size() > columns) {
    if (lines[columns] != '\n') return false;
    joined.append(lines.substr(0, columns));
    lines.remove_prefix(columns + 1);
  }
  joined.append(lines);
  return !lines.empty() && joined.find('\n') == joined.npos;
}

Result<std::string> decode_armor(std::string_view armored) {
  if (armored.size() > limits::kSignatureBytesMax) return malformed("too long");
  if (armored.ends_with('\n')) armored.remove_suffix(1);
  if (!armored.starts_with(kHeader)) return malformed("no SSH SIGNATURE header");
  armored.remove_prefix(kHeader.size());
  if (!armored.ends_with(kFooter)) return malformed("it does not end in its footer");
  armored.remove_suffix(kFooter.size());
  std::string joined;
  if (!join_lines(armored, kOpenSshColumns, joined) &&
      !join_lines(armored, kSpecificationColumns, joined)) {
    return malformed("its lines are not all 70, or all 76, characters long");
  }
  return base64_decode(joined);
}

Result<SshSignature> parse_blob(std::string_view blob) {
  SshWireReader reader(blob);
  const std::string_view magic = TRY(reader.raw(kMagic.size()));
  if (magic != kMagic) return malformed("wrong magic");
  const std::uint32_t version = TRY(reader.uint32());
  if (version != kVersion) return malformed("its version is not 1");
  const std::string_view key = TRY(reader.string());
  const std::string_view name_space = TRY(reader.string());
  if (name_space.empty()) return malformed("its namespace is empty");
  const std::string_view reserved = TRY(reader.string());
  if (!reserved.empty()) return malformed("its reserved field is not empty");
  const std::string_view hash = TRY(reader.string());
  if (hash != "sha256" && hash != "sha512") return malformed("unknown hash algorithm");
  const std::string_view signature = TRY(reader.string());
  TRY(reader.require_end());
  SshWireReader inner(signature);
  const std::string_view type = TRY(inner.string());
  return SshSignature{std::string(key), std::string(name_space), std::string(hash),
                      std::string(type), std::string(signature)};
}

/// The bytes that are really signed: they hold the namespace and a hash of the message.
std::string signed_bytes(std::string_view message, std::string_view name_space,
                         std::string_view hash) {
  std::string bytes(kMagic);
  append_ssh_string(bytes, name_space);
  append_ssh_string(bytes, "");
  append_ssh_string(bytes, hash);
  append_ssh_string(bytes, hash == "sha256" ? sha256(message) : sha512(message));
  return bytes;
}

struct FidoFlags {
  bool user_present = false;
  bool user_verified = false;
};

constexpr std::uint8_t kUserPresent = 0x01;
constexpr std::uint8_t kUserVerified = 0x04;
constexpr std::uint8_t kAttestedData = 0x40;
constexpr std::uint8_t kExtensionData = 0x80;

/// What the verifiers below share. `reader` stands behind the signature's type name.
struct Check {
  const SshPublicKey& key;
  std::string_view signature_type;
  const std::string& bytes;
  SshWireReader reader;
};

std::string_view key_field(const SshPublicKey& key, std::size_t index) {
  SshWireReader reader(key.blob());
  std::string_view field;
  for (std::size_t i = 0; i <= index; ++i) {
    const Result<std::string_view> read = reader.string();
    STATEHOUSE_ASSERT(read.has_value());  // SshPublicKey was read strictly
    field = *read;
  }
  return field;
}

Result<> require_type(const Check& check, std::string_view expected) {
  if (check.signature_type == expected) return {};
  return unverified("unsupported SSH signature type `" +
                    escape_for_message(check.signature_type, 64) + "` for this key");
}

Result<FidoFlags> check_ed25519(Check& check) {
  TRY(require_type(check, "ssh-ed25519"));
  const std::string_view signature = TRY(check.reader.string());
  TRY(check.reader.require_end());
  if (!check.key.ed25519()->verify(check.bytes, signature)) return bad_signature();
  return FidoFlags{};
}

Result<FidoFlags> check_rsa(Check& check) {
  const bool sha512_hash = check.signature_type == "rsa-sha2-512";
  if (!sha512_hash) TRY(require_type(check, "rsa-sha2-256"));  // "ssh-rsa" is SHA-1
  const std::string_view signature = TRY(check.reader.string());
  TRY(check.reader.require_end());
  SshWireReader reader(check.key.blob());
  TRY(reader.string());
  const std::string_view exponent = TRY(reader.positive_mpint(limits::kRsaBitsMax / 8));
  const std::string_view modulus = TRY(reader.positive_mpint(limits::kRsaBitsMax / 8));
  const RsaPublicKey rsa = TRY(RsaPublicKey::from_numbers(modulus, exponent));
  if (!rsa.verify(sha512_hash ? RsaHash::kSha512 : RsaHash::kSha256, check.bytes, signature)) {
    return bad_signature();
  }
  return FidoFlags{};
}

/// string(mpint r, mpint s) of `reader` over `message`.
Result<> check_ecdsa_numbers(SshWireReader& reader, EcdsaCurve curve, const SshPublicKey& key,
                             std::string_view message) {
  const std::string_view numbers = TRY(reader.string());
  SshWireReader pair(numbers);
  const std::string_view r = TRY(pair.positive_mpint(ecdsa_coordinate_bytes(curve)));
  const std::string_view s = TRY(pair.positive_mpint(ecdsa_coordinate_bytes(curve)));
  TRY(pair.require_end());
  const EcdsaPublicKey ecdsa = TRY(EcdsaPublicKey::from_point(curve, key_field(key, 2)));
  if (!ecdsa.verify(message, r, s)) return bad_signature();
  return {};
}

Result<FidoFlags> check_ecdsa(Check& check) {
  TRY(require_type(check, ssh_key_type_name(check.key.type())));
  const EcdsaCurve curve = check.key.type() == SshKeyType::kEcdsaP256   ? EcdsaCurve::kP256
                           : check.key.type() == SshKeyType::kEcdsaP384 ? EcdsaCurve::kP384
                                                                        : EcdsaCurve::kP521;
  TRY(check_ecdsa_numbers(check.reader, curve, check.key, check.bytes));
  TRY(check.reader.require_end());
  return FidoFlags{};
}

Result<FidoFlags> judge_flags(std::uint8_t flags) {
  if ((flags & kUserPresent) == 0) {
    return unverified("verifying an SSH signature: nobody touched the FIDO key",
                      "use a key made without `no-touch-required`");
  }
  return FidoFlags{true, (flags & kUserVerified) != 0};
}

/// SHA256(application) || flags || counter || SHA256(signed bytes): OpenSSH PROTOCOL.u2f.
std::string fido_message(const Check& check, std::uint8_t flags, std::uint32_t counter,
                         std::string_view extensions, std::string_view hashed) {
  std::string message = sha256(check.key.application());
  message.push_back(static_cast<char>(flags));
  append_ssh_uint32(message, counter);
  message.append(extensions);
  return message + sha256(hashed);
}

Result<FidoFlags> check_sk_ed25519(Check& check) {
  TRY(require_type(check, ssh_key_type_name(SshKeyType::kSkEd25519)));
  const std::string_view signature = TRY(check.reader.string());
  const std::uint8_t flags = TRY(check.reader.byte());
  const std::uint32_t counter = TRY(check.reader.uint32());
  TRY(check.reader.require_end());
  const std::string message = fido_message(check, flags, counter, "", check.bytes);
  if (!check.key.ed25519()->verify(message, signature)) return bad_signature();
  return judge_flags(flags);
}

/// The browser's JSON must start as WebAuthn's limited verification (Level 3, section 5.8.1.2) has
/// it, with our bytes as the challenge.
Result<> check_client_data(std::string_view client_data, std::string_view origin,
                           std::string_view bytes) {
  if (origin.empty() || origin.find_first_of("\"\\") != origin.npos) return bad_signature();
  const std::string expected = R"({"type":"webauthn.get","challenge":")" + base64url_encode(bytes) +
                               R"(","origin":")" + std::string(origin) + "\"";
  const std::string_view rest = client_data.substr(std::min(expected.size(), client_data.size()));
  if (!client_data.starts_with(expected) || (!rest.starts_with(',') && rest != "}")) {
    return bad_signature();
  }
  return {};
}

Result<FidoFlags> check_webauthn(Check& check) {
  SshWireReader numbers = check.reader;
  TRY(check.reader.string());
  const std::uint8_t flags = TRY(check.reader.byte());
  const std::uint32_t counter = TRY(check.reader.uint32());
  const std::string_view origin = TRY(check.reader.string());
  const std::string_view client_data = TRY(check.reader.string());
  const std::string_view extensions = TRY(check.reader.string());
  TRY(check.reader.require_end());
  const bool says_extensions = (flags & kExtensionData) != 0;
  if ((flags & kAttestedData) != 0 || says_extensions == extensions.empty()) {
    return malformed("its WebAuthn flags do not fit its fields");
  }
  TRY(check_client_data(client_data, origin, check.bytes));
  const std::string message = fido_message(check, flags, counter, extensions, client_data);
  TRY(check_ecdsa_numbers(numbers, EcdsaCurve::kP256, check.key, message));
  return judge_flags(flags);
}

Result<FidoFlags> check_sk_ecdsa(Check& check) {
  if (check.signature_type == kWebAuthnSignature) return check_webauthn(check);
  TRY(require_type(check, ssh_key_type_name(SshKeyType::kSkEcdsaP256)));
  SshWireReader numbers = check.reader;
  TRY(check.reader.string());
  const std::uint8_t flags = TRY(check.reader.byte());
  const std::uint32_t counter = TRY(check.reader.uint32());
  TRY(check.reader.require_end());
  const std::string message = fido_message(check, flags, counter, "", check.bytes);
  TRY(check_ecdsa_numbers(numbers, EcdsaCurve::kP256, check.key, message));
  return judge_flags(flags);
}

Result<FidoFlags> check_signature(Check& check) {
  switch (check.key.type()) {
    case SshKeyType::kEd25519:
      return check_ed25519(check);
    case SshKeyType::kRsa:
      return check_rsa(check);
    case SshKeyType::kEcdsaP256:
    case SshKeyType::kEcdsaP384:
    case SshKeyType::kEcdsaP521:
      return check_ecdsa(check);
    case SshKeyType::kSkEd25519:
      return check_sk_ed25519(check);
    case SshKeyType::kSkEcdsaP256:
      return check_sk_ecdsa(check);
  }
  STATEHOUSE_ASSERT(false);
}

}  // namespace

Result<SshSignature> parse_ssh_signature(std::string_view armored) {
  const std::string blob = TRY_WITH("reading an SSH signature", decode_armor(armored));
  return parse_blob(blob);
}

Result<SshSignatureVerified> verify_ssh_signature(std::string_view message,
                                                  std::string_view armored,
                                                  std::string_view signature_namespace) {
  const SshSignature signature = TRY(parse_ssh_signature(armored));
  if (signature.signature_namespace != signature_namespace) {
    return unverified("verifying an SSH signature: its namespace is `" +
                          escape_for_message(signature.signature_namespace, 64) + "`",
                      "sign with -n " + std::string(signature_namespace));
  }
  SshPublicKey key = TRY(SshPublicKey::from_blob(signature.public_key_blob));
  const std::string bytes =
      signed_bytes(message, signature.signature_namespace, signature.hash_algorithm);
  Check check{key, signature.signature_type, bytes, SshWireReader(signature.signature_blob)};
  TRY(check.reader.string());  // the type name
  const FidoFlags flags = TRY(check_signature(check));
  SshSignatureVerified verified(std::move(key));
  verified.user_present_ = flags.user_present;
  verified.user_verified_ = flags.user_verified;
  return verified;
}

std::string sign_sshsig(std::string_view message, std::string_view signature_namespace,
                        const Ed25519SecretKey& key) {
  STATEHOUSE_ASSERT(!signature_namespace.empty());
  std::string signature;
  append_ssh_string(signature, "ssh-ed25519");
  append_ssh_string(signature, key.sign(signed_bytes(message, signature_namespace, "sha512")));
  std::string blob(kMagic);
  append_ssh_uint32(blob, kVersion);
  append_ssh_string(blob, SshPublicKey::from_ed25519(key.public_key()).blob());
  append_ssh_string(blob, signature_namespace);
  append_ssh_string(blob, "");
  append_ssh_string(blob, "sha512");
  append_ssh_string(blob, signature);
  const std::string text = base64_encode(blob);
  std::string armored(kHeader);
  for (std::size_t i = 0; i < text.size(); i += kOpenSshColumns) {
    if (i > 0) armored.push_back('\n');
    armored.append(text, i, kOpenSshColumns);
  }
  return armored.append(kFooter).append("\n");
}

}  // namespace statehouse
