#include "cli/running_server.h"

#include "cli/version.h"

namespace statehouse {
namespace {

constexpr std::chrono::seconds kDrainMax{30};

Path absolute(const Environment& environment, const std::string& text) {
  const Path given(text);
  return given.is_absolute() ? given : environment.working_directory / given;
}

Result<HttpServerOptions> http_options(const Environment& environment, const ServerConfig& config,
                                       const DataLayout& layout) {
  HttpServerOptions http;
  if (config.listen) http.listen = *config.listen;
  http.control_socket = layout.control_socket();
  http.temporary_directory = layout.scratch();
  if (config.tls_certificate.has_value() != config.tls_key.has_value()) {
    return invalid_argument("reading the options: --tls-cert and --tls-key belong together");
  }
  if (config.tls_certificate) http.tls_certificate = absolute(environment, *config.tls_certificate);
  if (config.tls_key) http.tls_key = absolute(environment, *config.tls_key);
  return http;
}

}  // namespace

Result<std::unique_ptr<RunningServer>> RunningServer::start(const Environment& environment,
                                                            const Path& data,
                                                            const ServerConfig& config,
                                                            const LogLine& log) {
  std::unique_ptr<RunningServer> running(new RunningServer());
  StateStoreOptions options{.git = running->git_,
                            .clock = environment.clock,
                            .entropy = environment.entropy,
                            .steps = environment.steps,
                            .log = log};
  if (config.high_water) options.high_water = data / *config.high_water;
  running->store_ = TRY(StateStore::open(data, options));
  running->store_->scrubber().start();
  running->application_ = std::make_unique<Application>(
      *running->store_, ApplicationOptions{.public_url = config.public_url.value_or(""),
                                           .version = std::string(kProgramVersion)});
  HttpServerOptions http = TRY(http_options(environment, config, running->store_->layout()));
  http.gate = running->application_->gate();
  http.log = log;
  running->server_ = TRY(HttpServer::start(std::move(http), running->application_->router(),
                                           environment.clock, environment.entropy));
  running->application_->set_http_metrics(&running->server_->metrics());
  return running;
}

RunningServer::~RunningServer() {
  // The front end goes first; nobody may ask for its counters afterwards.
  if (application_) application_->set_http_metrics(nullptr);
}

void RunningServer::drain() { server_->drain(kDrainMax); }

}  // namespace statehouse
