#pragma once

#include <string>
#include <string_view>

#include "crypto/trust.h"

namespace statehouse {

/// The keys of a trust document in the form that other programs read:
///   flux              a Secret with the sealing key, for GitRepository spec.verify.secretRef
///   argocd            the ConfigMap argocd-gpg-keys-cm with the sealing key
///   allowed-signers   for git's gpg.ssh.allowedSignersFile
///   vkey              the log's verifier keys (C2SP signed-note), one a line
///   pem               the statement and attestation keys as SubjectPublicKeyInfo
/// Errors: kInvalidArgument for another format.
Result<std::string> export_trust(const TrustDocument& trust, std::string_view format);

/// "example.com" of "example.com/store".
std::string origin_host(std::string_view origin);

}  // namespace statehouse
