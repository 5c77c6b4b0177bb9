#include "crypto/base/subprocess.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>

namespace statehouse {

namespace {

SubprocessOptions shell(std::string script) {
  SubprocessOptions options;
  options.arguments = {"sh", "-c", std::move(script)};
  options.environment = minimal_environment();
  return options;
}

}  // namespace

TEST_CASE("a program that does not exist is not found") {
  SubprocessOptions options;
  options.arguments = {"statehouse-no-such-program"};
  CHECK(run_subprocess(options).error().code == ErrorCode::kNotFound);
}

TEST_CASE("nothing of the parent's environment reaches the child") {
  ::setenv("STATEHOUSE_CANARY", "leaked", 1);
  CHECK(run_subprocess(shell("echo \"[$STATEHOUSE_CANARY]\""))->stdout_bytes == "[]\n");
}

TEST_CASE("only the standard descriptors are open in the child") {
  const auto result = run_subprocess(shell("ls /proc/self/fd | wc -l")).value();
  CHECK(result.stdout_bytes == "4\n");  // 0, 1, 2 and the directory that ls reads
}

TEST_CASE("exit code, signal and standard error are told apart") {
  CHECK(run_subprocess(shell("echo why >&2; exit 3"))->exit_code == 3);
  CHECK(run_subprocess(shell("echo why >&2; exit 3"))->stderr_bytes == "why\n");
  CHECK(run_subprocess(shell("kill -9 $$"))->signal == 9);
}

TEST_CASE("a child that runs too long is killed together with what it started") {
  SubprocessOptions options = shell("sleep 100 & sleep 100");
  options.time_max = std::chrono::milliseconds(50);
  CHECK(run_subprocess(options)->timed_out);
}

TEST_CASE("a child that closes its streams and stays is still killed in time") {
  SubprocessOptions options = shell("exec >/dev/null 2>&1 </dev/null; sleep 100");
  options.time_max = std::chrono::milliseconds(50);
  CHECK(run_subprocess(options)->timed_out);
}

TEST_CASE("output beyond its bound ends the child instead of filling memory") {
  SubprocessOptions options = shell("yes");
  options.stdout_bytes_max = 1000;
  CHECK(run_subprocess(options).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("input larger than a pipe reaches the child whole") {
  SubprocessOptions options = shell("wc -c");
  options.stdin_bytes = std::string(1 << 20, 'x');
  CHECK(run_subprocess(options)->stdout_bytes == "1048576\n");
}

TEST_CASE("a child that does not read its input is no error") {
  SubprocessOptions options = shell("exit 0");
  options.stdin_bytes = std::string(1 << 20, 'x');
  CHECK(run_subprocess(options)->succeeded());
}

TEST_CASE("a reader of the output that refuses ends the child with its own error") {
  const auto refuse = [](std::string_view) -> Result<> { return denied("enough"); };
  CHECK(run_subprocess(shell("yes"), refuse).error().code == ErrorCode::kDenied);
}

TEST_CASE("a child with the caller's terminal stays in its process group, others lead their own") {
  SubprocessOptions options;
  options.arguments = {"sh", "-c", "cut -d' ' -f5 /proc/self/stat"};
  options.environment = minimal_environment();
  options.terminal = TerminalAccess::kCallers;
  const std::string ours = std::to_string(::getpgrp()) + "\n";
  CHECK(run_subprocess(options)->stdout_bytes == ours);
  options.terminal = TerminalAccess::kNone;
  CHECK(run_subprocess(options)->stdout_bytes != ours);
}

}  // namespace statehouse
