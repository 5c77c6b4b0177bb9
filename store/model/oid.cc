#include "store/model/oid.h"

#include <algorithm>
#include <cstring>

#include "crypto/base/encoding.h"

namespace statehouse {

Result<Oid> Oid::parse(std::string_view hex) {
  if (hex.size() != 2 * kBytes) {
    return invalid_argument("reading an object id: not 40 hexadecimal digits");
  }
  const std::string bytes = TRY_WITH("reading an object id", hex_decode(hex));
  return from_bytes(bytes);
}

Oid Oid::from_bytes(std::string_view bytes) {
  STATEHOUSE_ASSERT(bytes.size() == kBytes);
  Oid oid;
  std::ranges::copy(bytes, oid.bytes_.begin());
  return oid;
}

std::string Oid::hex() const { return hex_encode(bytes()); }

}  // namespace statehouse

std::size_t std::hash<statehouse::Oid>::operator()(const statehouse::Oid& oid) const noexcept {
  // An object id is already uniformly distributed: its first bytes are a hash.
  std::size_t value = 0;
  std::memcpy(&value, oid.bytes().data(), sizeof value);
  return value;
}
