#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

/// Keeps whole answers to fetches, so that a thousand reconcilers that ask the same thing cost one
/// pack.
///
/// The caller authorises every want before it looks here: the cache never decides who may see what.
/// While one request computes an answer, equal ones wait for it. Bounded in bytes; the answer used
/// longest ago goes first. In memory only. Threads: any.
class FetchCache {
 public:
  using Sink = std::function<Result<>(std::string_view)>;
  /// Produces an answer in pieces.
  using Source = std::function<Result<>(const Sink&)>;

  explicit FetchCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Sends the answer for `key` to `sink`, from memory or from `source`. Answers larger than an
  /// eighth of the cache are streamed and not kept. Errors: those of source and sink; failures are
  /// not kept.
  Result<> serve(const std::string& key, const Source& source, const Sink& sink);

  struct Statistics {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Statistics statistics() const;

 private:
  struct Entry {
    std::shared_ptr<const std::string> answer;  ///< none while it is being computed
    std::list<std::string>::iterator position;  ///< in used_; valid when `answer` is set
  };

  std::shared_ptr<const std::string> find_or_lead(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<const std::string> answer);
  void give_up(const std::string& key);

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<std::string, Entry> entries_;
  std::list<std::string> used_;  ///< keys of complete answers, newest first
  Statistics statistics_;
};

}  // namespace statehouse
