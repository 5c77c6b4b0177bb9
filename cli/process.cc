#include "cli/process.h"

#include <unistd.h>

#include <csignal>
#include <iostream>

#include "cli/environment.h"
#include "cli/local_store.h"
#include "cli/run.h"

extern "C" char** environ;

namespace statehouse {
namespace {

StreamKind kind_of(int fd) { return ::isatty(fd) == 1 ? StreamKind::kTerminal : StreamKind::kPipe; }

std::map<std::string, std::string, std::less<>> process_variables() {
  std::map<std::string, std::string, std::less<>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

/// Set by the first stop after `hold_stops`. A signal handler can reach nothing but a global.
volatile std::sig_atomic_t stop_noted = 0;

void note_stop(int /*signal*/) {
  stop_noted = 1;
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
}

void hold_stops() {
  struct sigaction action{};
  action.sa_handler = note_stop;
  action.sa_flags = SA_RESTART;  // the round that is on its way goes on
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
}

/// Sleeps with SIGTERM and SIGINT held back, so that a stop that arrives during a wait ends it
/// and is told to the caller, who then leaves everything in order.
bool wait_unless_stopped(Milliseconds duration) {
  sigset_t stops;
  ::sigemptyset(&stops);
  ::sigaddset(&stops, SIGTERM);
  ::sigaddset(&stops, SIGINT);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &stops, &before);
  const timespec limit{static_cast<time_t>(duration.count() / 1000),
                       static_cast<long>(duration.count() % 1000) * 1'000'000L};
  // Looked at while they are held back: none can slip in between this and the sleep.
  const int signal = stop_noted != 0 ? SIGTERM : ::sigtimedwait(&stops, nullptr, &limit);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return signal < 0;
}

}  // namespace

int run_process(int argc, char** argv, const Clock& clock, DurableSteps& steps) {
  const SystemEntropy entropy;
  Environment environment{clock, entropy, steps, std::cin, std::cout, std::cerr};
  environment.in_kind = kind_of(STDIN_FILENO);
  environment.out_kind = kind_of(STDOUT_FILENO);
  environment.err_kind = kind_of(STDERR_FILENO);
  environment.variables = process_variables();
  std::error_code no_directory;  // a folder that was removed: relative paths then start at "/"
  const Path here = std::filesystem::current_path(no_directory);
  if (!no_directory) environment.working_directory = here;
  environment.wait = wait_unless_stopped;
  environment.hold_stops = hold_stops;
  environment.is_stopping = [] { return stop_noted != 0; };
  environment.run_local_request = [&environment](const Path& data, const ApiRequest& request) {
    return run_on_data(environment, data, request);
  };
  std::signal(SIGPIPE, SIG_IGN);
  return run_cli({argv + 1, argv + argc}, environment);
}

}  // namespace statehouse
