#include "cli/run.h"

#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/version.h"

namespace statehouse {
namespace {

int report(const Error& error, std::ostream& err) {
  err << "statehouse: " << error.message << "\n";
  if (!error.fix.empty()) err << error.fix << "\n";
  err.flush();
  return exit_code(error.code);
}

}  // namespace

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 2;
    case ErrorCode::kNotFound:
      return 3;
    case ErrorCode::kUnverified:
      return 4;
    case ErrorCode::kDenied:
      return 5;
    case ErrorCode::kConflict:
      return 6;
    case ErrorCode::kUnavailable:
      return 7;
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      return 70;
  }
  return 70;
}

int run_cli(const std::vector<std::string>& arguments, Environment& environment) {
  GlobalOptions options;
  CommandSet commands(std::string(kProgramVersion), options);
  add_all_commands(commands);
  const auto selection = commands.parse(arguments);
  if (!selection) return report(selection.error(), environment.err);
  if (!selection->text.empty()) {
    environment.out << selection->text;
    return 0;
  }
  const auto format = parse_output_format(options.output);
  if (!format) return report(format.error(), environment.err);
  Session session(environment, options, *format);
  auto done = selection->run(session);
  environment.out.flush();
  if (!done) {
    return report(std::move(done).error().with_context(selection->doing), environment.err);
  }
  if (!environment.out) {
    return report(
        {ErrorCode::kUnavailable, selection->doing + ": the output could not be written", ""},
        environment.err);
  }
  return 0;
}

}  // namespace statehouse
