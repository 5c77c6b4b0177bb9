#include "store/git/upload_pack.h"

#include "store/git/git_process.h"

namespace statehouse {

namespace {

std::string protocol_value(GitProtocol protocol) {
  switch (protocol) {
    case GitProtocol::kV0:
      return "version=0";
    case GitProtocol::kV1:
      return "version=1";
    case GitProtocol::kV2:
      return "version=2";
  }
  STATEHOUSE_ASSERT(false);
  return {};
}

}  // namespace

Result<> run_upload_pack(const UploadPackRequest& request,
                         const std::function<Result<>(std::string_view)>& sink) {
  GitCommand command;
  command.repository = request.repository;
  const bool filter = request.filter == ObjectFilter::kAllowed;
  command.configuration = {
      "uploadpack.allowAnySHA1InWant=true",
      std::string("uploadpack.allowFilter=") + (filter ? "true" : "false"),
      "uploadpack.allowRefInWant=false",
      "uploadpack.advertiseBundleURIs=false",
      "uploadpack.keepAlive=5",
      "transfer.advertiseObjectInfo=false",
  };
  command.arguments = {"upload-pack", "--stateless-rpc", "--strict", request.repository.string()};
  command.environment = {{"GIT_PROTOCOL", protocol_value(request.protocol)}};
  command.stdin_fd = request.body_fd;
  if (request.body_fd < 0) command.stdin_bytes = std::string(request.body);
  command.memory_bytes_max = request.memory_bytes_max;
  command.cpu_max = request.cpu_max;
  command.time_max = request.time_max;
  const SubprocessResult result = TRY(run_git(command, sink));
  if (result.succeeded()) return {};
  std::string message = describe_git_failure("answering a fetch", result);
  if (result.timed_out || result.signal != 0) return unavailable(std::move(message));
  return invalid_argument(std::move(message));
}

}  // namespace statehouse
