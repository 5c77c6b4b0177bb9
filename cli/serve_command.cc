#include <csignal>
#include <memory>
#include <ostream>
#include <syncstream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/running_server.h"
#include "cli/server_url.h"
#include "cli/session.h"

namespace statehouse {
namespace {

struct ServeOptions {
  ServerConfig config;
  std::optional<std::string> config_file;
};

/// Keeps SIGTERM and SIGINT pending for whoever waits for them, in this thread and those it starts.
class HeldStops {
 public:
  HeldStops() {
    ::sigemptyset(&stops_);
    ::sigaddset(&stops_, SIGTERM);
    ::sigaddset(&stops_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &stops_, &before_);
  }
  HeldStops(const HeldStops&) = delete;
  HeldStops& operator=(const HeldStops&) = delete;
  ~HeldStops() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t stops_{};
  sigset_t before_{};
};

Result<> serve(Session& session, const ServeOptions& given) {
  if (!session.options().data) {
    return invalid_argument("no data directory is given", "give --data DIR");
  }
  const Path data = session.path(*session.options().data);
  std::optional<Path> file;
  if (given.config_file) file = session.path(*given.config_file);
  ServerConfig config = given.config;
  if (config.public_url) {
    TRY_WITH("reading --public-url", require_public_url(*config.public_url));
  }
  const ServerConfig written = TRY(server_config_for(data, file));
  config.fill_from(written);
  // Before any thread exists, so that a stop reaches none of them.
  const HeldStops held;
  Environment& environment = session.environment();
  const LogLine log = [&environment](std::string_view line) {
    std::osyncstream(environment.err)
        << environment.clock.now().rfc3339() << " " << line << std::endl;
  };
  const auto running = TRY(RunningServer::start(environment, data, config, log));
  environment.out << "listening on " << running->url() << std::endl;
  while (environment.wait(std::chrono::hours(1))) {
  }
  log("stopping: requests that have begun are finished");
  running->drain();
  return {};
}

}  // namespace

void add_serve_command(CommandSet& commands) {
  auto options = std::make_shared<ServeOptions>();
  commands.add("serve", "Run the server on a data directory")
      .option("--listen", options->config.listen, "HOST:PORT to listen on (127.0.0.1:8417)")
      .option("--public-url", options->config.public_url, "The URL under which clients see it")
      .option("--tls-cert", options->config.tls_certificate, "PEM file of the certificate chain")
      .option("--tls-key", options->config.tls_key, "PEM file of its private key")
      .option("--config", options->config_file,
              "YAML file with listen, publicUrl, tlsCert, tlsKey, highWater (DIR/config.yaml)")
      .notes(
          "Prints `listening on URL` when it is ready. SIGTERM finishes running requests and "
          "exits 0.")
      .action("serving", [options](Session& session) { return serve(session, *options); });
}

}  // namespace statehouse
