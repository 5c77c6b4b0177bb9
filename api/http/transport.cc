#include "api/http/transport.h"

#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace statehouse {

namespace {

using Status = IoResult::Status;

IoResult from_return(ssize_t moved, Status when_blocked, Status when_zero) {
  if (moved > 0) return {Status::kProgress, static_cast<std::size_t>(moved)};
  if (moved == 0) return {when_zero};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {when_blocked};
  return {Status::kFailed};
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(FileDescriptor socket) : socket_(std::move(socket)) {}

  IoResult handshake() override { return {Status::kProgress}; }

  IoResult read(char* into, std::size_t count) override {
    ssize_t got = -1;
    do {
      got = ::recv(socket_.get(), into, count, 0);
    } while (got < 0 && errno == EINTR);
    return from_return(got, Status::kWantsRead, Status::kClosed);
  }

  IoResult write(std::string_view first, std::string_view second) override {
    // sendmsg takes pointers to non-const; it does not write through them.
    std::array<iovec, 2> parts{{{const_cast<char*>(first.data()), first.size()},
                                {const_cast<char*>(second.data()), second.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    ssize_t sent = -1;
    do {
      sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return from_return(sent, Status::kWantsWrite, Status::kFailed);
  }

  IoResult send_file(int file, std::uint64_t offset, std::size_t count) override {
    auto from = static_cast<off_t>(offset);
    ssize_t sent = -1;
    do {
      sent = ::sendfile(socket_.get(), file, &from, count);
    } while (sent < 0 && errno == EINTR);
    // Zero means that the file became shorter than what was promised.
    return from_return(sent, Status::kWantsWrite, Status::kFailed);
  }

  void shut_down_writing() override { ::shutdown(socket_.get(), SHUT_WR); }

  [[nodiscard]] int descriptor() const override { return socket_.get(); }
  [[nodiscard]] bool is_tls() const override { return false; }

 private:
  FileDescriptor socket_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(FileDescriptor socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

bool wait_until_ready(const Transport& transport, IoResult result,
                      std::chrono::steady_clock::time_point deadline) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  pollfd waiting{transport.descriptor(), 0, 0};
  waiting.events = result.status == IoResult::Status::kWantsRead ? POLLIN : POLLOUT;
  while (true) {
    const auto left =
        duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<long>(left + 1, 60'000)));
    if (ready < 0 && errno != EINTR) return false;
    if (ready > 0) return (waiting.revents & waiting.events) != 0;
  }
}

}  // namespace statehouse
