// Entries per second that the log takes, durably, from N concurrent writers.
//
//   append_entries DIRECTORY WRITERS SECONDS
//
// Each writer appends one entry per commit and waits until it is durable (synchronous=FULL), as a
// push does. Prints one JSON object. DIRECTORY must not exist yet; what it holds stays there.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/durable_step.h"
#include "crypto/base/entropy.h"
#include "crypto/base/file.h"
#include "crypto/base/json.h"
#include "crypto/ed25519.h"
#include "store/ledger/ledger.h"

namespace statehouse {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// About the size of a push's entry; the text is that of an ordinary ref.updated summary.
EntryDraft typical_entry() {
  const std::string digest = "sha256:" + std::string(64, 'a');
  EntryDraft draft{.type = EventType::kReconcilerReported, .subject = "system", .actor = {}};
  draft.data = {{"repository", "platform"},
                {"ref", "refs/heads/deploy"},
                {"version", 41},
                {"commit", std::string(40, 'b')},
                {"commitSha256", digest},
                {"tree", std::string(40, 'c')},
                {"treeSha256", digest},
                {"policyDigest", digest}};
  draft.evidence = {Evidence{"report", "application/json", std::string(1000, 'x')}};
  return draft;
}

/// One writer: how long each of its commits took, in microseconds.
Result<std::vector<double>> write_until(Ledger& ledger, SteadyClock::time_point end) {
  std::vector<double> latencies;
  while (SteadyClock::now() < end) {
    const auto started = SteadyClock::now();
    TRY(ledger.commit(
        [](Transaction& transaction) { return transaction.append(typical_entry()); }));
    latencies.push_back(
        std::chrono::duration<double, std::micro>(SteadyClock::now() - started).count());
  }
  return latencies;
}

Result<Json> measure(const Path& directory, int writers, int seconds) {
  const SystemClock clock;
  const SystemEntropy entropy;
  UnwatchedSteps steps;
  const Ed25519SecretKey key = Ed25519SecretKey::generate(entropy);
  TRY(make_directories(directory));
  const auto ledger = TRY(Ledger::create(directory / "ledger.db",
                                         LedgerOptions{.origin = "bench.example/log",
                                                       .log_key = key,
                                                       .clock = clock,
                                                       .entropy = entropy,
                                                       .steps = steps,
                                                       .high_water_path = directory / "high"}));
  std::vector<Result<std::vector<double>>> results(static_cast<std::size_t>(writers));
  const auto started = SteadyClock::now();
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back(
          [&] { result = write_until(*ledger, started + std::chrono::seconds(seconds)); });
    }
  }
  const double elapsed = std::chrono::duration<double>(SteadyClock::now() - started).count();
  std::vector<double> all;
  for (auto& result : results) {
    const std::vector<double> latencies = TRY(std::move(result));
    all.insert(all.end(), latencies.begin(), latencies.end());
  }
  std::ranges::sort(all);
  const auto quantile = [&](double q) {
    return all.at(static_cast<std::size_t>(q * static_cast<double>(all.size() - 1)));
  };
  return Json{{"writers", writers},
              {"entries", all.size()},
              {"logSize", ledger->read().tree_size()},
              {"perSecond", static_cast<double>(all.size()) / elapsed},
              {"p50Microseconds", quantile(0.5)},
              {"p99Microseconds", quantile(0.99)}};
}

}  // namespace
}  // namespace statehouse

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: append_entries DIRECTORY WRITERS SECONDS\n";
    return 2;
  }
  const auto result = statehouse::measure(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
  if (!result) {
    std::cerr << result.error().message << "\n";
    return 1;
  }
  std::cout << *result << "\n";
  return 0;
}
