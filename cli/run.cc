#include "cli/run.h"

#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/version.h"

namespace statehouse {
namespace {

/// What to do next, where the error does not say it.
std::string usual_fix(ErrorCode code, const CommandSet::Selection& selection) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "see: " + selection.command + " --help";
    case ErrorCode::kNotFound:
      return (selection.list_command.empty() ? "check the name"
                                             : "see what there is: " + selection.list_command) +
             "; what your token may not read is not found either";
    case ErrorCode::kUnverified:
      return "do not use what was sent, and tell the store's operator";
    case ErrorCode::kDenied:
      return "use the token of somebody who may, or ask the store's administrators";
    case ErrorCode::kConflict:
      return "look at it anew before you decide whether to repeat the command";
    case ErrorCode::kUnavailable:
      return "try again later, with the same command";
    case ErrorCode::kCorrupt:
      return "check the store on its host: statehouse fsck --data DIR";
    case ErrorCode::kInternal:
      return "if it comes from the server, the server's log says more";
  }
  return "";
}

/// One line to stderr, then what to do next; for programs also a document in place of the result.
int report(const Error& error, const Environment& environment, OutputFormat format,
           const Json& more = Json::object()) {
  const int code = exit_code(error.code);
  environment.err << "statehouse: " << error.message << "\n";
  if (!error.fix.empty()) environment.err << error.fix << "\n";
  environment.err.flush();
  const Json document = problem_document(error, code, more);
  if (format == OutputFormat::kJson) environment.out << pretty_json(document);
  if (format == OutputFormat::kJsonl) environment.out << json_line(document) << "\n";
  if (format == OutputFormat::kYaml) environment.out << to_yaml(document);
  environment.out.flush();
  return code;
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
  if (!selection) return report(selection.error(), environment, requested_format(arguments));
  if (!selection->text.empty()) {
    environment.out << selection->text;
    return 0;
  }
  const auto format = parse_output_format(options.output);
  if (!format) return report(format.error(), environment, OutputFormat::kText);
  if (options.server && options.data) {
    return report({ErrorCode::kInvalidArgument,
                   "reading the arguments: --server and --data name two different stores",
                   "give one: --data on the host of the store, --server from anywhere else"},
                  environment, *format);
  }
  Session session(environment, options, *format);
  auto done = selection->run(session);
  environment.out.flush();
  if (!done) {
    Error error = std::move(done).error();
    // The server may have said the same words.
    if (!error.message.starts_with(selection->doing + ": ")) {
      error = std::move(error).with_context(selection->doing);
    }
    if (error.fix.empty()) error.fix = usual_fix(error.code, *selection);
    // A result that was printed, like a report with findings, is not followed by a second document.
    return report(error, environment, session.has_printed() ? OutputFormat::kText : *format,
                  session.failure());
  }
  if (!environment.out) {
    return report({ErrorCode::kUnavailable, selection->doing + ": the output could not be written",
                   "is the disk full, or is nobody reading any more?"},
                  environment, OutputFormat::kText);
  }
  return 0;
}

}  // namespace statehouse
