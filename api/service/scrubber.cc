#include "api/service/scrubber.h"

#include "api/service/integrity.h"

namespace statehouse {

namespace {

/// Between two steps of a check (1,000 objects, some entries), so that the check takes about a
/// twentieth of what it could.
constexpr Milliseconds kPause{100};

}  // namespace

Scrubber::~Scrubber() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Scrubber::start() {
  thread_ = std::thread([this] { run(); });
}

bool Scrubber::rest(Milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, duration, [&] { return stopping_; });
}

void Scrubber::run() {
  Milliseconds pause = first_;
  while (rest(pause)) {
    check_once();
    pause = every_;
  }
}

void Scrubber::check_once() {
  const auto go_on = [this](const std::string& /*line*/) -> Result<> {
    if (rest(kPause)) return {};
    return unavailable("scrubbing: shutting down");
  };
  const auto report = check_integrity(store_, RefRepair::kReportOnly, go_on);
  Alarms& alarms = store_.core().alarms;
  if (!report) {
    if (rest(Milliseconds(0))) {  // it was not told to stop
      alarms.raise("scrub", "store",
                   "the check did not come to its end: " + report.error().message);
    }
    return;
  }
  alarms.clear("scrub", "store");
  for (const IntegrityFinding& finding : report->findings) {
    if (finding.severity == IntegrityFinding::Severity::kError) {
      alarms.raise("scrub", finding.where, finding.what);
    }
  }
}

}  // namespace statehouse
