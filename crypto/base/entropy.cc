#include "crypto/base/entropy.h"

#include <sys/random.h>

#include <cerrno>

#include "crypto/base/error.h"

namespace statehouse {

std::string SystemEntropy::bytes(std::size_t count) const {
  std::string result(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(result.data() + filled, count - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    STATEHOUSE_ASSERT(got > 0);
    filled += static_cast<std::size_t>(got);
  }
  return result;
}

}  // namespace statehouse
