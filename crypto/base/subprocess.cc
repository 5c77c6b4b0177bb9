#include "crypto/base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace statehouse {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kStderrBytesMax = 64U << 10;
constexpr int kExecFailedExitCode = 127;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;

  static Result<Pipe> create() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
      return std::unexpected(errno_error("creating a pipe", errno));
    }
    return Pipe{FileDescriptor(fds[0]), FileDescriptor(fds[1])};
  }
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Finds `name` in the fixed PATH of `minimal_environment`.
std::string resolve_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  for (const char* folder :
       {"/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/sbin/"}) {
    std::string candidate = folder + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

void set_limit(int resource, std::uint64_t value) {
  if (value == 0) return;
  const rlimit limit{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

/// Everything the child needs, prepared before fork(2): after it only async-signal-safe calls.
struct ChildPlan {
  std::string program;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  const SubprocessOptions* options = nullptr;
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  pid_t parent = 0;
};

[[noreturn]] void become_child(const ChildPlan& plan) {
  if (plan.options->terminal == TerminalAccess::kNone) ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(kExecFailedExitCode);
  struct sigaction defaults{};
  defaults.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &defaults, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Moved above 2 first, so that installing one stream cannot overwrite another's source.
  const int in = ::fcntl(plan.stdin_fd, F_DUPFD_CLOEXEC, 3);
  const int out = ::fcntl(plan.stdout_fd, F_DUPFD_CLOEXEC, 3);
  const int err = ::fcntl(plan.stderr_fd, F_DUPFD_CLOEXEC, 3);
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) ::_exit(kExecFailedExitCode);
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  if (::chdir(plan.options->working_directory.c_str()) != 0) ::_exit(kExecFailedExitCode);
  set_limit(RLIMIT_AS, plan.options->memory_bytes_max);
  set_limit(RLIMIT_FSIZE, plan.options->file_bytes_max);
  set_limit(RLIMIT_CPU, static_cast<std::uint64_t>(plan.options->cpu_max.count()));
  ::umask(077);
  ::execve(plan.program.c_str(), plan.arguments.data(), plan.environment.data());
  ::_exit(kExecFailedExitCode);
}

/// The parent's side of a running child: its streams, its deadline, its end.
class RunningChild {
 public:
  RunningChild(pid_t pid, const SubprocessOptions& options,
               const std::function<Result<>(std::string_view)>& on_stdout)
      : pid_(pid), options_(options), on_stdout_(on_stdout) {
    if (options.time_max.count() > 0)
      deadline_ = std::chrono::steady_clock::now() + options.time_max;
  }
  RunningChild(const RunningChild&) = delete;
  RunningChild& operator=(const RunningChild&) = delete;
  ~RunningChild() {
    if (pid_ > 0) {
      kill_group();
      reap();
    }
  }

  void take_streams(FileDescriptor in, FileDescriptor out, FileDescriptor err) {
    in_ = std::move(in);
    out_ = std::move(out);
    err_ = std::move(err);
    for (const FileDescriptor* fd : {&in_, &out_, &err_}) {
      if (fd->valid()) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
    }
    if (options_.stdin_bytes) pending_in_ = *options_.stdin_bytes;
    if (pending_in_.empty()) in_.reset();
  }

  Result<SubprocessResult> finish() {
    while (in_.valid() || out_.valid() || err_.valid()) {
      TRY(pump_once());
      if (result_.timed_out) break;
    }
    if (!result_.timed_out) wait_until_deadline();
    if (result_.timed_out) kill_group();
    reap();
    if (result_.exit_code == kExecFailedExitCode && result_.stderr_bytes.empty()) {
      return internal_error("running " + options_.arguments[0] + ": it could not be started");
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] int poll_timeout_ms() {
    if (!deadline_) return -1;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        *deadline_ - std::chrono::steady_clock::now());
    return left.count() <= 0 ? 0
                             : static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60000));
  }

  void check_deadline() {
    if (deadline_ && std::chrono::steady_clock::now() >= *deadline_) result_.timed_out = true;
  }

  Result<> pump_once() {
    std::array<pollfd, 3> fds{
        {{in_.get(), POLLOUT, 0}, {out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), poll_timeout_ms()) < 0 && errno != EINTR) {
      return std::unexpected(errno_error("waiting for a child process", errno));
    }
    check_deadline();
    if (in_.valid() && fds[0].revents != 0) feed_stdin();
    if (out_.valid() && fds[1].revents != 0) TRY(drain_stdout());
    if (err_.valid() && fds[2].revents != 0) drain_stderr();
    return {};
  }

  void feed_stdin() {
    const ssize_t written = ::send(in_.get(), pending_in_.data(), pending_in_.size(), MSG_NOSIGNAL);
    if (written > 0) pending_in_.remove_prefix(static_cast<std::size_t>(written));
    const bool broken = written < 0 && errno != EAGAIN && errno != EINTR;
    if (pending_in_.empty() || broken) in_.reset();
  }

  Result<> drain_stdout() {
    const std::string_view got = read_some(out_);
    if (got.empty()) return {};
    if (on_stdout_) return on_stdout_(got);
    if (result_.stdout_bytes.size() + got.size() > options_.stdout_bytes_max) {
      return unavailable("running " + options_.arguments[0] + ": it printed more than " +
                         std::to_string(options_.stdout_bytes_max) + " bytes");
    }
    result_.stdout_bytes.append(got);
    return {};
  }

  void drain_stderr() {
    const std::string_view got = read_some(err_);
    const std::size_t room = kStderrBytesMax - result_.stderr_bytes.size();
    result_.stderr_bytes.append(got.substr(0, room));
  }

  /// Reads what is there; closes `fd` at its end.
  std::string_view read_some(FileDescriptor& fd) {
    const ssize_t got = ::read(fd.get(), buffer_.data(), buffer_.size());
    if (got > 0) return {buffer_.data(), static_cast<std::size_t>(got)};
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) fd.reset();
    return {};
  }

  /// A child may close its streams and go on running; its deadline still holds.
  void wait_until_deadline() {
    if (!deadline_) return;
    const FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd fd{pidfd.get(), POLLIN, 0};
    while (pidfd.valid() && !result_.timed_out && ::poll(&fd, 1, poll_timeout_ms()) <= 0) {
      check_deadline();
    }
  }

  [[nodiscard]] bool leads_group() const { return options_.terminal == TerminalAccess::kNone; }

  void kill_group() const { ::kill(leads_group() ? -pid_ : pid_, SIGKILL); }

  void reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    // What the child left running in its group goes with it.
    if (leads_group()) kill_group();
    pid_ = 0;
    if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  }

  pid_t pid_;
  const SubprocessOptions& options_;
  const std::function<Result<>(std::string_view)>& on_stdout_;
  std::optional<SteadyTime> deadline_;
  FileDescriptor in_;
  FileDescriptor out_;
  FileDescriptor err_;
  std::string_view pending_in_;
  SubprocessResult result_;
  std::array<char, 65536> buffer_{};
};

/// Standard input is a socket, not a pipe: only send(2) can write to a child that no longer reads
/// without raising SIGPIPE in this process.
Result<Pipe> create_stdin_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return std::unexpected(errno_error("creating a socket pair", errno));
  }
  return Pipe{FileDescriptor(fds[0]), FileDescriptor(fds[1])};
}

struct Streams {
  Pipe in;
  Pipe out;
  Pipe err;
};

Result<Streams> open_streams(const SubprocessOptions& options) {
  Streams streams;
  if (options.stderr_fd < 0) streams.err = TRY(Pipe::create());
  if (options.stdout_fd < 0) streams.out = TRY(Pipe::create());
  if (options.stdin_fd < 0 && options.stdin_bytes) streams.in = TRY(create_stdin_pair());
  if (options.stdin_fd < 0 && !options.stdin_bytes) {
    streams.in.read = TRY(open_file("/dev/null", O_RDONLY));
  }
  return streams;
}

}  // namespace

Result<SubprocessResult> run_subprocess(
    const SubprocessOptions& options, const std::function<Result<>(std::string_view)>& on_stdout) {
  STATEHOUSE_ASSERT(!options.arguments.empty());
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment;
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  ChildPlan plan;
  plan.program = resolve_program(options.arguments[0]);
  if (plan.program.empty())
    return not_found("running " + options.arguments[0] + ": no such program");
  plan.arguments = pointers_to(arguments);
  plan.environment = pointers_to(environment);
  plan.options = &options;
  Streams streams = TRY(open_streams(options));
  plan.stdin_fd = options.stdin_fd >= 0 ? options.stdin_fd : streams.in.read.get();
  plan.stdout_fd = options.stdout_fd >= 0 ? options.stdout_fd : streams.out.write.get();
  plan.stderr_fd = options.stderr_fd >= 0 ? options.stderr_fd : streams.err.write.get();
  plan.parent = ::getpid();

  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(errno_error("starting a child process", errno));
  if (pid == 0) become_child(plan);
  // Also here, so that a kill right now reaches the group.
  if (options.terminal == TerminalAccess::kNone) ::setpgid(pid, pid);
  RunningChild child(pid, options, on_stdout);
  streams.in.read.reset();
  streams.out.write.reset();
  streams.err.write.reset();
  child.take_streams(std::move(streams.in.write), std::move(streams.out.read),
                     std::move(streams.err.read));
  return child.finish();
}

std::vector<std::pair<std::string, std::string>> minimal_environment() {
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin"},
          {"LC_ALL", "C.UTF-8"},
          {"TZ", "UTC"}};
}

}  // namespace statehouse
