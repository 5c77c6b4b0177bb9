#pragma once

#include <memory>
#include <string>

#include "api/http/application.h"
#include "api/http/server.h"
#include "cli/environment.h"
#include "cli/server_config.h"
#include "store/git/git_library.h"

namespace statehouse {

/// A store that is open, with the front end that serves it. Stops and closes when destroyed.
class RunningServer {
 public:
  /// Relative paths in `config` are taken from the environment's working directory, that of the
  /// high-water file from `data`. `log` gets one line per event for the operator. Errors: those of
  /// StateStore::open and HttpServer::start.
  static Result<std::unique_ptr<RunningServer>> start(const Environment& environment,
                                                      const Path& data, const ServerConfig& config,
                                                      const LogLine& log);
  ~RunningServer();
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  [[nodiscard]] std::string url() const { return server_->url(); }
  [[nodiscard]] StateStore& store() { return *store_; }

  /// Finishes requests that have begun, for at most half a minute.
  void drain();

 private:
  RunningServer() = default;

  // In order of dependence; destroyed in reverse.
  GitLibrary git_;
  std::unique_ptr<StateStore> store_;
  std::unique_ptr<Application> application_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace statehouse
