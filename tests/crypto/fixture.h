#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/entropy.h"
#include "crypto/base/file.h"
#include "crypto/base/subprocess.h"
#include "crypto/ed25519.h"

namespace statehouse {

/// Entropy that repeats one byte.
class FixedEntropy final : public Entropy {
 public:
  [[nodiscard]] std::string bytes(std::size_t count) const override {
    return std::string(count, '\x5a');
  }
};

/// A key that is the same in every run; another for every `number`.
inline Ed25519SecretKey test_key(char number = 1) {
  return Ed25519SecretKey::from_seed(std::string(32, number)).value();
}

inline TemporaryDirectory scratch() { return TemporaryDirectory::create("/tmp", "sth-").value(); }

inline void put_file(const Path& path, std::string_view bytes, mode_t mode = 0600) {
  UnwatchedSteps steps;
  REQUIRE(write_file_durably(path, bytes, mode, steps, "test"));
}

inline SubprocessResult run(const Path& directory, std::vector<std::string> arguments,
                            std::string input = {},
                            std::vector<std::pair<std::string, std::string>> more = {}) {
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.environment = minimal_environment();
  options.environment.emplace_back("HOME", directory.string());
  options.environment.insert(options.environment.end(), more.begin(), more.end());
  options.working_directory = directory;
  options.stdin_bytes = std::move(input);
  options.time_max = std::chrono::seconds(60);
  return run_subprocess(options).value();
}

/// Replaces the first `from` in `text`; it must occur.
inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace statehouse
