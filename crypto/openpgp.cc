#include "crypto/openpgp.h"

#include <algorithm>
#include <charconv>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/gpgme_context.h"

namespace statehouse {

namespace {

// No network, no agent, no web of trust. `weak-digest SHA1` also refuses keys that are held
// together by SHA-1 only. `self-sigs-only` drops third-party signatures, of which a hostile key may
// carry thousands (CVE-2022-3219).
constexpr std::string_view kOptions =
    "no-auto-key-retrieve\n"
    "no-auto-key-locate\n"
    "no-auto-check-trustdb\n"
    "no-autostart\n"
    "weak-digest SHA1\n"
    "trust-model always\n"
    "import-options self-sigs-only\n";

constexpr std::string_view kKeyBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view kKeyEnd = "-----END PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view kSignatureBegin = "-----BEGIN PGP SIGNATURE-----\n";
constexpr std::string_view kSignatureEnd = "\n-----END PGP SIGNATURE-----";
// How far ahead of this machine's clock a signer's clock may be. gpg itself has no limit.
constexpr std::chrono::hours kFutureMax{24};
constexpr std::string_view kWhiteSpace = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kWhiteSpace);
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(kWhiteSpace) - start + 1);
}

std::size_t count_of(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
  return count;
}

/// One armored block of a public key, and nothing else: two "-----BEGIN/END" lines in all.
Result<> require_one_key_block(std::string_view armored) {
  if (armored.size() > limits::kPublicKeyBytesMax) {
    return invalid_argument("reading an OpenPGP key: it is too large",
                            "export it with `--export-options export-minimal`");
  }
  armored = trimmed(armored);
  if (!armored.starts_with(kKeyBegin) || !armored.ends_with(kKeyEnd) ||
      count_of(armored, "-----BEGIN") != 1 || count_of(armored, "-----END") != 1) {
    return invalid_argument("reading an OpenPGP key: not one armored public key block",
                            "give the output of `gpg --armor --export KEY`");
  }
  return {};
}

/// Imports `bytes`, which should hold `count` keys.
Result<> import_keys(const Path& home, std::string_view bytes, std::size_t count) {
  const GpgmeContext context = TRY(GpgmeContext::open(home));
  const GpgmeData input = TRY(gpgme_input(bytes));
  const gpgme_error_t error = gpgme_op_import(context.get(), input.get());
  if (error != 0) {
    return std::unexpected(
        gpgme_failure("importing an OpenPGP key", error, ErrorCode::kInvalidArgument));
  }
  const gpgme_import_result_t result = gpgme_op_import_result(context.get());
  const auto expected = static_cast<int>(count);
  const bool all = result != nullptr && result->considered == expected &&
                   result->imported + result->unchanged == expected && result->secret_read == 0;
  if (!all) {
    return invalid_argument("importing an OpenPGP key: gpg did not take exactly one valid key",
                            "it may rest on SHA-1 signatures, or hold several keys");
  }
  return {};
}

/// All at once, since each import is a process; one by one to find the culprit.
Result<> import_all(const Path& home, const std::vector<std::string>& armored_keys) {
  std::string all;
  for (const std::string& armored : armored_keys) {
    TRY(require_one_key_block(armored));
    all.append(trimmed(armored)).append("\n");
  }
  if (armored_keys.empty() || import_keys(home, all, armored_keys.size())) return {};
  for (const std::string& armored : armored_keys) TRY(import_keys(home, armored, 1));
  return {};
}

Result<std::vector<OpenPgpKeyInfo>> describe_keys(const Path& home) {
  const GpgmeContext context = TRY(GpgmeContext::open(home));
  const std::vector<GpgmeKey> keys = TRY(context.list_keys(GpgmeContext::Which::kPublic));
  std::vector<OpenPgpKeyInfo> infos;
  for (const GpgmeKey& key : keys) {
    OpenPgpKeyInfo info = TRY(describe_key(key.get()));
    infos.push_back(std::move(info));
  }
  return infos;
}

bool is_one_signature_block(std::string_view armored) {
  if (armored.size() > limits::kSignatureBytesMax) return false;
  if (armored.ends_with('\n')) armored.remove_suffix(1);
  return armored.starts_with(kSignatureBegin) && armored.ends_with(kSignatureEnd) &&
         count_of(armored, "-----") == 4;
}

bool is_hash_strong(gpgme_hash_algo_t hash) {
  return hash == GPGME_MD_SHA256 || hash == GPGME_MD_SHA384 || hash == GPGME_MD_SHA512;
}

/// RSA of enough bits, ECDSA on curves of 256 bits and more, EdDSA; by gpg's name of the key.
bool is_algorithm_allowed(std::string_view name) {
  unsigned rsa_bits = 0;
  if (name.starts_with("rsa")) {
    std::from_chars(name.data() + 3, name.data() + name.size(), rsa_bits);
    return rsa_bits >= limits::kRsaBitsMin && rsa_bits <= limits::kRsaBitsMax;
  }
  return name == "ed25519" || name == "ed448" || name == "nistp256" || name == "nistp384" ||
         name == "nistp521" || name.starts_with("brainpoolP") || name == "secp256k1";
}

bool is_signing_algorithm(gpgme_pubkey_algo_t algorithm) {
  return algorithm == GPGME_PK_RSA || algorithm == GPGME_PK_RSA_S || algorithm == GPGME_PK_ECDSA ||
         algorithm == GPGME_PK_EDDSA;
}

OpenPgpVerdict verdict_for(const _gpgme_signature& signature) {
  // The order matters: what gpg reports through the summary must not be outvoted by the status.
  const unsigned summary = signature.summary;
  const gpgme_err_code_t status = gpgme_err_code(signature.status);
  if (status == GPG_ERR_CERT_REVOKED || (summary & GPGME_SIGSUM_KEY_REVOKED) != 0) {
    return OpenPgpVerdict::kRevokedKey;
  }
  if (status == GPG_ERR_KEY_EXPIRED || (summary & GPGME_SIGSUM_KEY_EXPIRED) != 0) {
    return OpenPgpVerdict::kExpiredKey;
  }
  if (status == GPG_ERR_SIG_EXPIRED || (summary & GPGME_SIGSUM_SIG_EXPIRED) != 0) {
    return OpenPgpVerdict::kExpiredSignature;
  }
  if (status == GPG_ERR_NO_PUBKEY || (summary & GPGME_SIGSUM_KEY_MISSING) != 0) {
    return OpenPgpVerdict::kUnknownKey;
  }
  if (status == GPG_ERR_DIGEST_ALGO || status == GPG_ERR_PUBKEY_ALGO ||
      status == GPG_ERR_WRONG_KEY_USAGE || status == GPG_ERR_UNSUPPORTED_ALGORITHM) {
    return OpenPgpVerdict::kWeak;
  }
  const unsigned bad = GPGME_SIGSUM_RED | GPGME_SIGSUM_SYS_ERROR | GPGME_SIGSUM_TOFU_CONFLICT |
                       GPGME_SIGSUM_BAD_POLICY;
  if (status != GPG_ERR_NO_ERROR || (summary & bad) != 0) return OpenPgpVerdict::kBadSignature;
  const bool strong = is_hash_strong(signature.hash_algo) &&
                      is_signing_algorithm(signature.pubkey_algo) && signature.wrong_key_usage == 0;
  return strong ? OpenPgpVerdict::kGood : OpenPgpVerdict::kWeak;
}

OpenPgpJudgement judgement(OpenPgpVerdict verdict, std::string reason = {}) {
  return {verdict,
          verdict == OpenPgpVerdict::kGood || !reason.empty()
              ? std::move(reason)
              : std::string(openpgp_verdict_text(verdict)),
          {},
          std::nullopt};
}

std::string claimed_key(const _gpgme_signature& signature) {
  const std::string text = signature.fpr == nullptr ? "" : signature.fpr;
  return text.find_first_not_of("0123456789ABCDEF") == std::string::npos ? text : std::string();
}

}  // namespace

std::string_view openpgp_verdict_text(OpenPgpVerdict verdict) {
  switch (verdict) {
    case OpenPgpVerdict::kGood:
      return "good";
    case OpenPgpVerdict::kBadSignature:
      return "bad signature";
    case OpenPgpVerdict::kUnknownKey:
      return "unknown key";
    case OpenPgpVerdict::kExpiredKey:
      return "expired key";
    case OpenPgpVerdict::kRevokedKey:
      return "revoked key";
    case OpenPgpVerdict::kExpiredSignature:
      return "expired signature";
    case OpenPgpVerdict::kWeak:
      return "weak algorithm";
    case OpenPgpVerdict::kMalformed:
      return "not one detached signature";
  }
  STATEHOUSE_ASSERT(false);
}

Result<OpenPgpKeyring> OpenPgpKeyring::create(const Path& home,
                                              const std::vector<std::string>& armored_keys) {
  TRY(make_gpg_home(home, kOptions));
  TRY(import_all(home, armored_keys));
  std::vector<OpenPgpKeyInfo> keys = TRY(describe_keys(home));
  return OpenPgpKeyring(home, std::move(keys));
}

Result<OpenPgpJudgement> OpenPgpKeyring::verify(std::string_view payload,
                                                std::string_view armored_signature) const {
  if (!is_one_signature_block(armored_signature)) return judgement(OpenPgpVerdict::kMalformed);
  const GpgmeContext context = TRY(GpgmeContext::open(home_));
  const GpgmeData signature_data = TRY(gpgme_input(armored_signature));
  const GpgmeData payload_data = TRY(gpgme_input(payload));
  const gpgme_error_t error =
      gpgme_op_verify(context.get(), signature_data.get(), payload_data.get(), nullptr);
  if (is_gpg_trouble(error)) {
    return std::unexpected(
        gpgme_failure("verifying an OpenPGP signature", error, ErrorCode::kUnavailable));
  }
  const gpgme_verify_result_t result = gpgme_op_verify_result(context.get());
  const bool one = error == 0 && result != nullptr && result->signatures != nullptr &&
                   result->signatures->next == nullptr;
  if (!one) return judgement(OpenPgpVerdict::kMalformed);
  const _gpgme_signature& signature = *result->signatures;
  OpenPgpJudgement judged = judgement(verdict_for(signature));
  judged.claimed_key = claimed_key(signature);
  if (judged.verdict != OpenPgpVerdict::kGood) return judged;
  const auto created = Timestamp::from_unix_seconds(static_cast<long>(signature.timestamp));
  if (created > SystemClock().now() + kFutureMax) {
    return judgement(OpenPgpVerdict::kBadSignature, "it says that it was made in the future");
  }

  for (const OpenPgpKeyInfo& key : keys_) {
    const auto subkey =
        std::ranges::find(key.subkeys, judged.claimed_key, &OpenPgpKeyInfo::Subkey::fingerprint);
    if (subkey == key.subkeys.end()) continue;
    if (key.revoked || subkey->revoked) return judgement(OpenPgpVerdict::kRevokedKey);
    if (!is_algorithm_allowed(subkey->algorithm)) {
      return judgement(OpenPgpVerdict::kWeak,
                       "keys of type " + escape_for_message(subkey->algorithm) + " are refused");
    }
    OpenPgpVerified verified;
    verified.primary_ = key.fingerprint;
    verified.signing_ = subkey->fingerprint;
    verified.created_ = created;
    judged.verified = std::move(verified);
    return judged;
  }
  return judgement(OpenPgpVerdict::kUnknownKey);
}

Result<OpenPgpKeyInfo> inspect_openpgp_key(std::string_view armored, const Path& scratch) {
  const TemporaryDirectory directory = TRY(TemporaryDirectory::create(scratch, "gpg-"));
  const OpenPgpKeyring ring =
      TRY(OpenPgpKeyring::create(directory.path() / "home", {std::string(armored)}));
  if (ring.keys().size() != 1) {
    return invalid_argument("reading an OpenPGP key: not exactly one key");
  }
  return ring.keys()[0];
}

}  // namespace statehouse
