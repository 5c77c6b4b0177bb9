#include "api/http/metrics_text.h"

#include <map>

namespace statehouse {

namespace {

class MetricsWriter {
 public:
  void gauge(const std::string& name, const std::string& help, std::uint64_t value) {
    family(name, help, "gauge");
    text_ += "statehouse_" + name + " " + std::to_string(value) + "\n";
  }

  void counter(const std::string& name, const std::string& help, std::uint64_t value) {
    family(name, help, "counter");
    text_ += "statehouse_" + name + " " + std::to_string(value) + "\n";
  }

  void family(const std::string& name, const std::string& help, const std::string& type) {
    text_ += "# HELP statehouse_" + name + " " + help + "\n# TYPE statehouse_" + name + " " + type +
             "\n";
  }

  void sample(const std::string& name, const std::string& label, const std::string& value,
              std::uint64_t count) {
    text_ +=
        "statehouse_" + name + "{" + label + "=\"" + value + "\"} " + std::to_string(count) + "\n";
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void write_http(MetricsWriter& out, const HttpMetrics& metrics) {
  out.gauge("http_connections", "Open connections.", metrics.connections_open);
  out.counter("http_connections_accepted_total", "Connections accepted.",
              metrics.connections_accepted);
  out.counter("http_connections_shed_total", "Idle connections closed to make room.",
              metrics.connections_shed);
  out.counter("http_accept_errors_total", "Failed accepts; all were retried.",
              metrics.accept_errors);
  out.family("http_responses_total", "Responses by class of status.", "counter");
  for (std::size_t i = 1; i < metrics.responses_by_class.size(); ++i) {
    out.sample("http_responses_total", "class", std::to_string(i) + "xx",
               metrics.responses_by_class[i]);
  }
  out.counter("http_requests_refused_total", "Requests refused for their form.",
              metrics.requests_refused);
  out.counter("http_requests_overloaded_total", "Requests refused for lack of room.",
              metrics.requests_overloaded);
  out.counter("http_exceptions_total", "Exceptions that reached the dispatcher.",
              metrics.handler_exceptions);
  out.counter("http_received_bytes_total", "Bytes received.", metrics.bytes_received);
  out.counter("http_sent_bytes_total", "Bytes sent.", metrics.bytes_sent);
}

}  // namespace

std::string metrics_text(Application& application) {
  MetricsWriter out;
  const Core& core = application.store().core();
  const LedgerHealth health = core.ledger.health();
  out.gauge("log_size", "Entries in the log.", health.tree_size);
  out.gauge("ledger_writable", "1 while the ledger takes writes.", health.stopped ? 0 : 1);
  out.gauge("ledger_jobs_waiting", "Writes waiting for the ledger's thread.", health.jobs_waiting);
  out.gauge("ledger_wal_pages", "Pages in the write-ahead log.", health.wal_pages);
  out.gauge("refs", "Governed refs that exist.", core.refs.current()->all().size());
  out.gauge("configuration_version", "Version of the configuration in force.",
            core.configuration.current()->version);
  std::map<std::string, std::uint64_t> alarms;
  for (const Alarm& alarm : core.alarms.list()) ++alarms[alarm.what];
  out.family("alarms", "What is not as it should be, by kind.", "gauge");
  for (const auto& [what, count] : alarms) out.sample("alarms", "what", what, count);
  const FetchCache::Statistics cache = application.fetch_cache().statistics();
  out.counter("fetch_cache_hits_total", "Fetches answered from memory.", cache.hits);
  out.counter("fetch_cache_misses_total", "Fetches that needed a pack.", cache.misses);
  out.gauge("fetch_cache_bytes", "Bytes of answers in memory.", cache.bytes);
  if (const HttpMetrics* http = application.http_metrics()) write_http(out, *http);
  return out.take();
}

}  // namespace statehouse
