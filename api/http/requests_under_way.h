#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace statehouse {

/// The requests that may run once at a time and are running now, by name. Threads: any. Holds
/// nothing durable.
class RequestsUnderWay {
 public:
  /// The right to run, given back by the destructor. Move-only; must not outlive its owner.
  class Claim {
   public:
    Claim(Claim&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), name_(std::move(other.name_)) {}
    Claim& operator=(Claim&&) = delete;
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    ~Claim();

   private:
    friend class RequestsUnderWay;
    Claim(RequestsUnderWay* owner, std::string name) : owner_(owner), name_(std::move(name)) {}

    RequestsUnderWay* owner_;
    std::string name_;
  };

  /// Nothing while another claim of `name` lives. Never waits.
  [[nodiscard]] std::optional<Claim> claim(std::string name);

 private:
  std::mutex mutex_;
  std::set<std::string> names_;  ///< guarded by mutex_
};

}  // namespace statehouse
