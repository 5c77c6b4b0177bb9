#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/body.h"
#include "api/http/chunked_decoder.h"
#include "api/http/head_parser.h"
#include "api/http/message.h"
#include "api/http/router.h"

namespace statehouse {

/// What a route allows a request that has just shown its head.
struct Admission {
  std::uint64_t body_bytes_max = 0;
  Lane lane = Lane::kQuick;
};

/// Decides by the head alone, on the I/O thread, so quickly: routing, and a refusal for bodies
/// that nobody will read. A refusal closes the connection.
using Admit = std::function<std::expected<Admission, HttpResponse>(const RequestHead&)>;

/// What all assemblers of one server share. Outlives them.
struct AssemblerContext {
  Admit admit;
  Path temporary_directory;
  BodyBudget* budget = nullptr;
};

/// Who is at the other end, as the socket says; see HttpRequest.
struct Peer {
  std::string address;
  std::uint16_t port = 0;
  bool is_control_socket = false;
  bool is_tls = false;
};

/// A request with its body, and what the connection must do after answering it.
struct AssembledRequest {
  HttpRequest request;
  Lane lane = Lane::kQuick;
  bool keep_alive = true;
  bool is_http_1_0 = false;
};

/// Turns the bytes of one connection into one complete request, within limits, and says no as
/// early as it can. Knows nothing of sockets or time. Used by the I/O thread only.
///
/// One CRLF before the request line is skipped (RFC 9112 section 2.2). A head over
/// `limits::kHeaderBlockBytesMax` or `limits::kHeaderFieldsMax` is 431, a request line too long for
/// any target 414, a bare LF 400; each as soon as it is seen, not at the end of the block. A
/// Content-Length over the admission is 413 before a byte of the body is read; a chunked body as
/// soon as it passes it.
class RequestAssembler {
 public:
  enum class State { kHead, kBody, kComplete, kRefused };

  /// Both outlive the assembler.
  RequestAssembler(const AssemblerContext& context, const Peer& peer)
      : context_(context), peer_(peer) {}

  /// Consumes a prefix of `bytes` and returns its length. Fewer than given are consumed only when
  /// the request is complete (the rest belongs to the next one) or refused (the rest is void).
  std::size_t feed(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }
  /// Bytes of the body that arrived, as decoded.
  [[nodiscard]] std::uint64_t body_bytes() const { return body_ ? body_->size() : 0; }

  /// True once, when the client waits for "100 Continue" and the body is welcome.
  bool take_continue() { return std::exchange(send_continue_, false); }

  /// REQUIRES: state() == kComplete.
  AssembledRequest take_request();
  /// REQUIRES: state() == kRefused.
  HttpResponse take_refusal();

 private:
  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  [[nodiscard]] bool head_within_limits();
  void head_complete();
  std::size_t feed_length(std::string_view bytes);
  std::size_t feed_chunked(std::string_view bytes);
  Result<> append(std::string_view bytes);
  void refuse(HttpResponse response);
  void refuse(const Error& error);

  const AssemblerContext& context_;
  const Peer& peer_;
  State state_ = State::kHead;
  std::string block_;      // the header block so far
  std::size_t lines_ = 0;  // complete lines in block_
  bool skipped_empty_line_ = false;
  RequestHead head_;
  Admission admission_;
  std::optional<BodyCollector> body_;
  ChunkedDecoder chunks_;
  bool send_continue_ = false;
  bool too_large_ = false;
  std::optional<HttpResponse> refusal_;
};

}  // namespace statehouse
