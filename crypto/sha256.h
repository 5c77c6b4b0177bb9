#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace statehouse {

// SHA-2 (FIPS 180-4) by OpenSSL, which uses the processor's SHA instructions where there are any.
// Digests are raw bytes in a std::string unless a name says `text` or `hex`. An allocation failure
// inside OpenSSL aborts: no answer of a hash function may be "perhaps".

/// SHA-256 of a message that arrives in pieces. Move-only.
/// Threads: one object in one thread at a time; different objects are independent.
class Sha256 {
 public:
  static constexpr std::size_t kBytes = 32;

  Sha256();

  Sha256& update(std::string_view bytes);

  /// The 32 raw bytes of everything given so far. The object then starts a new, empty message.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// 32 raw bytes. Threads: any.
std::string sha256(std::string_view bytes);

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// "sha256:" and 64 lower-case hexadecimal digits: the form every digest has in our JSON.
std::string sha256_digest_text(std::string_view bytes);

/// The text form of a digest that is already computed. REQUIRES: 32 bytes.
std::string digest_text(std::string_view raw_digest);

/// True for exactly "sha256:" and 64 lower-case hexadecimal digits.
bool is_digest_text(std::string_view text);

/// 64 raw bytes of SHA-512. Threads: any.
std::string sha512(std::string_view bytes);

}  // namespace statehouse
