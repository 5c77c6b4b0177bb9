// `statehouse` with a watcher of its durable steps that kills the process or fails a step.
//
//   STATEHOUSE_FAULT        STEP:before|after:kill|eio|enospc:N — at the N-th time of STEP
//   STATEHOUSE_STEPS        file to which the name of each step is appended, with its moment
//   STATEHOUSE_CLOCK_BEHIND seconds that this process believes it is earlier than it is
//
// Lives with the tests: the product has no such switch.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>

#include "cli/process.h"
#include "crypto/base/file.h"

namespace statehouse::torture {
namespace {

enum class Effect { kKill, kEio, kEnospc };

struct Fault {
  std::string step;
  std::string moment;  ///< "before" or "after"
  Effect effect = Effect::kKill;
  unsigned occurrence = 1;
};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string take_field(std::string& text) {
  const std::size_t colon = text.find(':');
  std::string field = text.substr(0, colon);
  text = colon == std::string::npos ? "" : text.substr(colon + 1);
  return field;
}

int number_in(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

/// A fault that is misspelt must not pass for one that never happened.
[[noreturn]] void refuse(const std::string& text) {
  std::cerr << "statehouse-faulty: cannot read `" << text << "`\n";
  std::exit(2);
}

std::optional<Fault> fault_of_process() {
  std::string text = variable("STATEHOUSE_FAULT");
  if (text.empty()) return std::nullopt;
  const std::string whole = text;
  Fault fault;
  fault.step = take_field(text);
  fault.moment = take_field(text);
  const std::string effect = take_field(text);
  const int occurrence = number_in(take_field(text));
  if (effect != "kill" && effect != "eio" && effect != "enospc") refuse(whole);
  if ((fault.moment != "before" && fault.moment != "after") || occurrence < 1) refuse(whole);
  fault.effect = effect == "kill"  ? Effect::kKill
                 : effect == "eio" ? Effect::kEio
                                   : Effect::kEnospc;
  fault.occurrence = static_cast<unsigned>(occurrence);
  return fault;
}

/// Records each step, and breaks at the one that was asked for. Threads: any.
class FaultySteps final : public DurableSteps {
 public:
  FaultySteps(std::optional<Fault> fault, const std::string& record)
      : fault_(std::move(fault)),
        record_(record.empty()
                    ? -1
                    : ::open(record.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}

  Result<> before(std::string_view step) override { return at(step, "before"); }
  Result<> after(std::string_view step) override { return at(step, "after"); }

 private:
  Result<> at(std::string_view step, std::string_view moment) {
    const std::lock_guard lock(mutex_);
    const bool now =
        fault_ && fault_->step == step && fault_->moment == moment && ++seen_ == fault_->occurrence;
    note(std::string(step) + ":" + std::string(moment) + (now ? " FAULT\n" : "\n"));
    if (!now) return {};
    if (fault_->effect == Effect::kKill) std::raise(SIGKILL);
    return std::unexpected(errno_error("torture at " + std::string(step),
                                       fault_->effect == Effect::kEio ? EIO : ENOSPC));
  }

  void note(const std::string& line) const {
    if (record_ >= 0) static_cast<void>(::write(record_, line.data(), line.size()) == 0);
  }

  const std::optional<Fault> fault_;
  const int record_;
  std::mutex mutex_;
  unsigned seen_ = 0;  ///< guarded by mutex_
};

/// The machine's clock, set back.
class LateClock final : public Clock {
 public:
  explicit LateClock(Milliseconds behind) : behind_(behind) {}
  [[nodiscard]] Timestamp now() const override { return clock_.now() - behind_; }

 private:
  const SystemClock clock_;
  const Milliseconds behind_;
};

int run(int argc, char** argv) {
  const std::string behind = variable("STATEHOUSE_CLOCK_BEHIND");
  const int seconds = behind.empty() ? 0 : number_in(behind);
  if (seconds < 0) refuse(behind);
  const LateClock clock{std::chrono::seconds(seconds)};
  FaultySteps steps(fault_of_process(), variable("STATEHOUSE_STEPS"));
  return run_process(argc, argv, clock, steps);
}

}  // namespace
}  // namespace statehouse::torture

int main(int argc, char** argv) {
  try {
    return statehouse::torture::run(argc, argv);
  } catch (const std::exception& failure) {
    std::cerr << "statehouse-faulty: running: " << failure.what() << "\n";
    return 70;
  }
}
