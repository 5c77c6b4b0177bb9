#include "tests/cli/cli_fixture.h"

#include <fcntl.h>

namespace statehouse::test {
namespace {

void must(const Result<>& done) { STATEHOUSE_ASSERT(done.has_value()); }

}  // namespace

TestCli::TestCli() : directory(TemporaryDirectory::create("/tmp", "cli-").value()) {
  variables = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
               {"HOME", directory.path().string()},
               {"GIT_CONFIG_NOSYSTEM", "1"},
               {"GIT_CEILING_DIRECTORIES", "/tmp"}};
}

Result<ApiResponse> TestCli::handle(const ApiRequest& request) {
  requests.push_back(request);
  const std::string asked = request.method + " " + request.target;
  for (const auto& [pattern, make] : answers) {
    const bool matches = pattern.ends_with('*')
                             ? asked.starts_with(pattern.substr(0, pattern.size() - 1))
                             : asked == pattern;
    if (matches) return make(request);
  }
  const Json problem{{"code", "not-found"}, {"detail", "no answer for " + asked}};
  return ApiResponse{404, "application/problem+json", dump_json(problem)};
}

void TestCli::answer(const std::string& request, const Json& document, int status) {
  answers[request] = [document, status](const ApiRequest&) {
    return ApiResponse{status, "application/json", dump_json(document)};
  };
}

void TestCli::answer_bytes(const std::string& request, const std::string& bytes) {
  answers[request] = [bytes](const ApiRequest&) {
    return ApiResponse{200, "application/octet-stream", bytes};
  };
}

std::string TestCli::file(const std::string& name, const std::string& bytes) {
  const Path where = path(name);
  must(make_directories(where.parent_path()));
  const FileDescriptor fd = open_file(where, O_CREAT | O_TRUNC | O_WRONLY, 0600).value();
  must(write_all(fd.get(), bytes));
  return where.string();
}

int TestCli::run(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--data", directory.path().string()});
  return run_alone(arguments);
}

int TestCli::run_alone(const std::vector<std::string>& arguments) {
  std::istringstream in(typed);
  std::ostringstream out_stream;
  std::ostringstream err_stream;
  Environment environment{clock, entropy,    watched != nullptr ? *watched : steps,
                          in,    out_stream, err_stream};
  environment.in_kind = terminal;
  environment.out_kind = terminal;
  environment.err_kind = terminal;
  environment.variables = variables;
  environment.working_directory = directory.path();
  environment.wait = wait;
  environment.hold_stops = [this] { stops_held = true; };
  environment.is_stopping = [this] { return stopping; };
  environment.run_local_request = [this](const Path&, const ApiRequest& request) {
    return handle(request);
  };
  const int code = run_cli(arguments, environment);
  out = out_stream.str();
  err = err_stream.str();
  return code;
}

}  // namespace statehouse::test
