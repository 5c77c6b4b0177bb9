#pragma once

#include <gpgme.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/openpgp.h"

namespace statehouse {

// Owners for gpgme's objects, shared by the OpenPGP verifier and signer. Private to crypto/.

struct GpgmeFree {
  void operator()(gpgme_ctx_t context) const { gpgme_release(context); }
  void operator()(gpgme_data_t data) const { gpgme_data_release(data); }
  void operator()(gpgme_key_t key) const { gpgme_key_unref(key); }
};
using GpgmeData = std::unique_ptr<gpgme_data, GpgmeFree>;
using GpgmeKey = std::unique_ptr<_gpgme_key, GpgmeFree>;

/// One operation's context: OpenPGP, a private home, offline, armored. One thread at a time.
class GpgmeContext {
 public:
  /// REQUIRES: `home` is absolute and exists. Errors: kUnavailable.
  static Result<GpgmeContext> open(const Path& home);

  [[nodiscard]] gpgme_ctx_t get() const { return context_.get(); }

  /// All keys of the home, or the secret ones.
  enum class Which { kPublic, kSecret };
  [[nodiscard]] Result<std::vector<GpgmeKey>> list_keys(Which which) const;

 private:
  explicit GpgmeContext(gpgme_ctx_t context) : context_(context) {}

  std::unique_ptr<gpgme_context, GpgmeFree> context_;
};

/// gpgme's description of `error`, with `doing: ` in front. kUnavailable for a system error or a
/// missing gpg, else `otherwise`.
Error gpgme_failure(std::string_view doing, gpgme_error_t error, ErrorCode otherwise);

/// True when `error` says that gpg could not do its work, not that the input is bad.
bool is_gpg_trouble(gpgme_error_t error);

/// A view for gpgme to read; `bytes` must outlive it.
Result<GpgmeData> gpgme_input(std::string_view bytes);
/// An empty buffer for gpgme to write.
Result<GpgmeData> gpgme_output();
/// Its content; the buffer is gone.
std::string take_gpgme_output(GpgmeData data);

/// mkdir of a home directory, 0700, with a gpg.conf of `options`. Errors: kConflict.
Result<> make_gpg_home(const Path& home, std::string_view options);

/// Ends the gpg-agent of `home`, if any.
void end_gpg_agent(const Path& home);

/// What gpg knows of one key. Errors: kInvalidArgument for keys without a 40-digit fingerprint.
Result<OpenPgpKeyInfo> describe_key(gpgme_key_t key);

}  // namespace statehouse
