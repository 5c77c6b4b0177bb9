#pragma once

#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cli/environment.h"
#include "cli/run.h"
#include "crypto/base/json.h"
#include "tests/cli/store_fixture.h"

namespace statehouse::test {

/// Runs the program inside the test, against a server made of answers, in a folder of its own.
class TestCli {
 public:
  TestCli();

  /// The whole command line but the program's name; `--data` is added, so that requests come to
  /// `answers`. Returns the exit code; `out` and `err` then hold what was printed.
  int run(std::vector<std::string> arguments);
  /// Without `--data`: for commands that need no server.
  int run_alone(const std::vector<std::string>& arguments);

  /// `out` as JSON.
  [[nodiscard]] Json json() const { return parse_json(out).value(); }

  /// Answers by "METHOD target"; a target may end in "*". What is not here is not found.
  std::map<std::string, std::function<ApiResponse(const ApiRequest&)>> answers;
  void answer(const std::string& request, const Json& document, int status = 200);
  void answer_bytes(const std::string& request, const std::string& bytes);

  /// Writes a file in the folder and returns its path.
  std::string file(const std::string& name, const std::string& bytes);
  [[nodiscard]] Path path(const std::string& name) const { return directory.path() / name; }

  TemporaryDirectory directory;
  FixedClock clock;
  FixedEntropy entropy;
  UnwatchedSteps steps;
  DurableSteps* watched = nullptr;   ///< instead of `steps`
  std::vector<ApiRequest> requests;  ///< all that were sent
  std::string out;
  std::string err;
  std::string typed;  ///< what the person types
  StreamKind terminal = StreamKind::kPipe;
  std::function<bool(Milliseconds)> wait = [](Milliseconds) { return false; };
  bool stops_held = false;  ///< a command asked for it
  bool stopping = false;    ///< what it is then told
  std::map<std::string, std::string, std::less<>> variables;

 private:
  Result<ApiResponse> handle(const ApiRequest& request);
};

}  // namespace statehouse::test
