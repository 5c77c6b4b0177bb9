#include "crypto/ssh_key.h"

#include <array>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/public_key.h"
#include "crypto/sha256.h"
#include "crypto/ssh_wire.h"

namespace statehouse {

namespace {

struct TypeName {
  SshKeyType type;
  std::string_view name;
};

constexpr std::array kTypeNames = {
    TypeName{SshKeyType::kEd25519, "ssh-ed25519"},
    TypeName{SshKeyType::kRsa, "ssh-rsa"},
    TypeName{SshKeyType::kEcdsaP256, "ecdsa-sha2-nistp256"},
    TypeName{SshKeyType::kEcdsaP384, "ecdsa-sha2-nistp384"},
    TypeName{SshKeyType::kEcdsaP521, "ecdsa-sha2-nistp521"},
    TypeName{SshKeyType::kSkEd25519, "sk-ssh-ed25519@openssh.com"},
    TypeName{SshKeyType::kSkEcdsaP256, "sk-ecdsa-sha2-nistp256@openssh.com"},
};

std::optional<SshKeyType> type_from_name(std::string_view name) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

std::unexpected<Error> unsupported(std::string_view type) {
  return unverified("unsupported SSH key type `" + escape_for_message(type, 64) + "`",
                    "use an Ed25519, ECDSA, RSA or FIDO key, not a certificate");
}

/// string curve, string Q.
Result<> check_ecdsa(SshWireReader& reader, EcdsaCurve curve, std::string_view curve_name) {
  const std::string_view named = TRY(reader.string());
  if (named != curve_name) {
    return invalid_argument("reading an SSH key: its curve is not the one of its type");
  }
  const std::string_view point = TRY(reader.string());
  TRY(EcdsaPublicKey::from_point(curve, point));
  return {};
}

/// mpint e, mpint n.
Result<> check_rsa(SshWireReader& reader) {
  const std::string_view exponent = TRY(reader.positive_mpint(8));
  const std::string_view modulus = TRY(reader.positive_mpint(limits::kRsaBitsMax / 8));
  TRY(RsaPublicKey::from_numbers(modulus, exponent));
  return {};
}

Result<> check_ed25519(SshWireReader& reader) {
  const std::string_view key = TRY(reader.string());
  TRY(Ed25519PublicKey::from_bytes(key));
  return {};
}

Result<> check_application(SshWireReader& reader) {
  const std::string_view application = TRY(reader.string());
  if (application.empty() || application.size() > 1024) {
    return invalid_argument("reading an SSH key: bad FIDO application");
  }
  return {};
}

Result<> check_material(SshWireReader& reader, SshKeyType type) {
  switch (type) {
    case SshKeyType::kEd25519:
      return check_ed25519(reader);
    case SshKeyType::kRsa:
      return check_rsa(reader);
    case SshKeyType::kEcdsaP256:
      return check_ecdsa(reader, EcdsaCurve::kP256, "nistp256");
    case SshKeyType::kEcdsaP384:
      return check_ecdsa(reader, EcdsaCurve::kP384, "nistp384");
    case SshKeyType::kEcdsaP521:
      return check_ecdsa(reader, EcdsaCurve::kP521, "nistp521");
    case SshKeyType::kSkEd25519:
      TRY(check_ed25519(reader));
      return check_application(reader);
    case SshKeyType::kSkEcdsaP256:
      TRY(check_ecdsa(reader, EcdsaCurve::kP256, "nistp256"));
      return check_application(reader);
  }
  STATEHOUSE_ASSERT(false);
}

}  // namespace

std::string_view ssh_key_type_name(SshKeyType type) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.type == type) return entry.name;
  }
  STATEHOUSE_ASSERT(false);
}

Result<SshPublicKey> SshPublicKey::from_blob(std::string_view blob) {
  SshWireReader reader(blob);
  const std::string_view name = TRY_WITH("reading an SSH key", reader.string());
  const std::optional<SshKeyType> type = type_from_name(name);
  if (!type) return unsupported(name);
  TRY_WITH("reading an SSH key", check_material(reader, *type));
  TRY_WITH("reading an SSH key", reader.require_end());
  return SshPublicKey(*type, std::string(blob));
}

Result<SshPublicKey> SshPublicKey::parse_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.size() > limits::kPublicKeyBytesMax || line.find_first_of("\r\n") != line.npos ||
      line.find('\0') != line.npos) {
    return invalid_argument("reading an SSH key: not one line",
                            "give one line of an SSH public key file");
  }
  const std::size_t type_end = line.find(' ');
  if (type_end == line.npos) {
    return invalid_argument("reading an SSH key: not `type base64 [comment]`");
  }
  const std::string_view type_name = line.substr(0, type_end);
  line.remove_prefix(type_end + 1);
  const std::string blob =
      TRY_WITH("reading an SSH key", base64_decode(line.substr(0, line.find(' '))));
  SshPublicKey key = TRY(from_blob(blob));
  if (ssh_key_type_name(key.type()) != type_name) {
    return invalid_argument("reading an SSH key: the line and the key name different types");
  }
  return key;
}

SshPublicKey SshPublicKey::from_ed25519(const Ed25519PublicKey& key) {
  std::string blob;
  append_ssh_string(blob, ssh_key_type_name(SshKeyType::kEd25519));
  append_ssh_string(blob, key.bytes());
  return {SshKeyType::kEd25519, std::move(blob)};
}

std::string SshPublicKey::fingerprint() const {
  std::string text = base64_encode(sha256(blob_));
  text.erase(text.find('='));
  return "SHA256:" + text;
}

std::string SshPublicKey::line() const {
  return std::string(ssh_key_type_name(type_)) + " " + base64_encode(blob_);
}

std::optional<Ed25519PublicKey> SshPublicKey::ed25519() const {
  if (type_ != SshKeyType::kEd25519 && type_ != SshKeyType::kSkEd25519) return std::nullopt;
  SshWireReader reader(blob_);
  STATEHOUSE_ASSERT(reader.string().has_value());
  const Result<std::string_view> bytes = reader.string();
  STATEHOUSE_ASSERT(bytes.has_value());
  return Ed25519PublicKey::from_bytes(*bytes).value();
}

std::string SshPublicKey::application() const {
  if (type_ != SshKeyType::kSkEd25519 && type_ != SshKeyType::kSkEcdsaP256) return {};
  SshWireReader reader(blob_);
  std::string_view last;
  while (!reader.at_end()) {
    const Result<std::string_view> field = reader.string();
    STATEHOUSE_ASSERT(field.has_value());
    last = *field;
  }
  return std::string(last);
}

}  // namespace statehouse
