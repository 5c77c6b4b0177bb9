#include "cli/trust_export.h"

#include <sstream>

#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

/// `text` as the content of a YAML block scalar.
std::string indented(const std::string& text, std::size_t indent) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    out += (line.empty() ? "" : std::string(indent, ' ') + line) + "\n";
  }
  return out;
}

std::string flux_secret(const TrustContent& content) {
  return "# flux: spec.verify.mode HEAD, spec.verify.secretRef.name statehouse-seal\n"
         "apiVersion: v1\n"
         "kind: Secret\n"
         "metadata:\n"
         "  name: statehouse-seal\n"
         "type: Opaque\n"
         "stringData:\n"
         "  statehouse.asc: |\n" +
         indented(content.sealing_openpgp_key, 4);
}

std::string argocd_config_map(const TrustContent& content) {
  constexpr std::size_t kKeyIdDigits = 16;
  const std::string& fingerprint = content.sealing_openpgp_fingerprint;
  const std::string key_id = fingerprint.size() > kKeyIdDigits
                                 ? fingerprint.substr(fingerprint.size() - kKeyIdDigits)
                                 : fingerprint;
  return "# argo cd: AppProject spec.signatureKeys: [{keyID: " + key_id +
         "}]\n"
         "apiVersion: v1\n"
         "kind: ConfigMap\n"
         "metadata:\n"
         "  name: argocd-gpg-keys-cm\n"
         "  namespace: argocd\n"
         "data:\n"
         "  " +
         key_id + ": |\n" + indented(content.sealing_openpgp_key, 4);
}

/// RFC 8410: the algorithm identifier of Ed25519 and a BIT STRING around the 32 bytes.
std::string pem_key(const TrustKey& key, std::string_view purpose) {
  static constexpr std::string_view kPrefix{"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12};
  std::string der(kPrefix);
  der += key.public_key.bytes();
  return "# " + std::string(purpose) + ", epoch " + std::to_string(key.epoch) + ", keyid " +
         key.public_key.key_id() + "\n-----BEGIN PUBLIC KEY-----\n" + base64_encode(der) +
         "\n-----END PUBLIC KEY-----\n";
}

Result<std::string> log_vkeys(const TrustDocument& trust) {
  std::string lines;
  for (const TrustKey& key : trust.content().log_keys) {
    const NoteKey note_key =
        TRY(NoteKey::create(trust.origin(), NoteKeyType::kEd25519, key.public_key));
    lines += note_key.vkey() + "\n";
  }
  return lines;
}

}  // namespace

std::string origin_host(std::string_view origin) {
  return std::string(origin.substr(0, origin.find('/')));
}

Result<std::string> export_trust(const TrustDocument& trust, std::string_view format) {
  const TrustContent& content = trust.content();
  if (format == "flux") return flux_secret(content);
  if (format == "argocd") return argocd_config_map(content);
  if (format == "vkey") return log_vkeys(trust);
  if (format == "allowed-signers") {
    return "statehouse@" + origin_host(content.origin) + " namespaces=\"git\" " +
           content.sealing_ssh_key + "\n";
  }
  if (format == "pem") {
    std::string text;
    for (const TrustKey& key : content.statement_keys) text += pem_key(key, "statements");
    for (const TrustKey& key : content.attestation_keys) text += pem_key(key, "attestations");
    return text;
  }
  return invalid_argument("there is no trust format \"" + escape_for_message(format) + "\"");
}

}  // namespace statehouse
