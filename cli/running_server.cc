#include "cli/running_server.h"

#include "cli/local_store.h"
#include "cli/server_url.h"
#include "cli/version.h"
#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

constexpr std::chrono::seconds kDrainMax{30};

Path absolute(const Environment& environment, const std::string& text) {
  const Path given(text);
  return given.is_absolute() ? given : environment.working_directory / given;
}

Result<Path> existing_file(const Environment& environment, std::string_view what,
                           const std::string& text) {
  Path path = absolute(environment, text);
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return path;
  return not_found("reading the TLS " + std::string(what) + ": there is no file " +
                       escape_for_message(path.string()),
                   "name PEM files: --tls-cert FILE --tls-key FILE, or tlsCert and tlsKey");
}

Result<HttpServerOptions> http_options(const Environment& environment, const ServerConfig& config,
                                       const DataLayout& layout) {
  HttpServerOptions http;
  if (config.listen) http.listen = *config.listen;
  http.control_socket = layout.control_socket();
  http.temporary_directory = layout.scratch();
  if (config.tls_certificate.has_value() != config.tls_key.has_value()) {
    return invalid_argument("reading the options: --tls-cert and --tls-key belong together",
                            "give both, or neither and a proxy in front that speaks TLS");
  }
  if (!config.tls_certificate) return http;
  http.tls_certificate = TRY(existing_file(environment, "certificate", *config.tls_certificate));
  http.tls_key = TRY(existing_file(environment, "key", *config.tls_key));
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
  running->store_ = TRY(open_store(data, options));
  running->store_->scrubber().start();
  running->application_ = std::make_unique<Application>(
      *running->store_,
      ApplicationOptions{.public_url = without_final_slash(config.public_url.value_or("")),
                         .version = std::string(kProgramVersion)});
  HttpServerOptions http = TRY(http_options(environment, config, running->store_->layout()));
  http.gate = running->application_->gate();
  http.log = log;
  auto server = HttpServer::start(std::move(http), running->application_->router(),
                                  environment.clock, environment.entropy);
  if (!server && server.error().code == ErrorCode::kConflict && server.error().fix.empty()) {
    server.error().fix = "end the program that listens there, or give another: --listen HOST:PORT";
  }
  running->server_ = TRY(std::move(server));
  running->application_->set_http_metrics(&running->server_->metrics());
  return running;
}

RunningServer::~RunningServer() {
  // The front end goes first; nobody may ask for its counters afterwards.
  if (application_) application_->set_http_metrics(nullptr);
}

void RunningServer::drain() { server_->drain(kDrainMax); }

}  // namespace statehouse
