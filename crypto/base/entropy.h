#pragma once

#include <cstddef>
#include <string>

namespace statehouse {

/// Where randomness comes from. Passed in, so that tests can fix it. Threads: any.
class Entropy {
 public:
  virtual ~Entropy() = default;

  /// `count` bytes that nobody can predict.
  [[nodiscard]] virtual std::string bytes(std::size_t count) const = 0;
};

/// The kernel's generator (getrandom(2)). Aborts when the kernel cannot answer: there is no safe
/// way to go on without randomness.
class SystemEntropy final : public Entropy {
 public:
  [[nodiscard]] std::string bytes(std::size_t count) const override;
};

}  // namespace statehouse
