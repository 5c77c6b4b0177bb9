#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// The wire protocol of one fetch (gitprotocol-http(5), gitprotocol-v2(5)).
enum class GitProtocol { kV0, kV1, kV2 };

/// Whether the client may ask for a partial clone (allowed only where its view covers the whole
/// repository: filters leak hidden objects).
enum class ObjectFilter { kRefused, kAllowed };

struct UploadPackRequest {
  Path repository;  ///< a bare repository of ours
  GitProtocol protocol = GitProtocol::kV0;
  ObjectFilter filter = ObjectFilter::kRefused;
  int body_fd = -1;       ///< borrowed, read from its position; or
  std::string_view body;  ///< borrowed; used when body_fd is -1
  std::uint64_t memory_bytes_max = 4ULL << 30;
  std::chrono::seconds cpu_max{300};
  std::chrono::milliseconds time_max{std::chrono::minutes(15)};
};

/// Answers one fetch request: runs `git upload-pack --stateless-rpc` and hands its output to `sink`
/// as it comes. The response is not framed further.
///
/// REQUIRES: every want, and every ref name in the request, was authorised by the caller: git is
/// told to serve any object (uploadpack.allowAnySHA1InWant), because what git calls hidden is not
/// access control. Ref advertisements never come from here.
/// Errors: kInvalidArgument (git refuses the request), kUnavailable (limits met); the sink's own.
/// Bytes may have been sent before an error. Threads: any.
Result<> run_upload_pack(const UploadPackRequest& request,
                         const std::function<Result<>(std::string_view)>& sink);

}  // namespace statehouse
