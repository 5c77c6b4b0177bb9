#include "api/http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

constexpr int kBacklog = 1024;

struct AddressInfoDeleter {
  void operator()(addrinfo* info) const { ::freeaddrinfo(info); }
};
using AddressInfo = std::unique_ptr<addrinfo, AddressInfoDeleter>;

Result<AddressInfo> resolve(const HostAndPort& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(),
                                 where.port.c_str(), &hints, &found);
  if (code != 0) {
    return invalid_argument("listening on " + escape_for_message(where.host) + ": " +
                            ::gai_strerror(code));
  }
  return AddressInfo(found);
}

std::uint16_t port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

std::string text_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (address.ss_family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  } else {
    bytes = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  }
  if (::inet_ntop(address.ss_family, bytes, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

Result<FileDescriptor> bound_tcp_socket(const addrinfo& info) {
  FileDescriptor socket(
      ::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, info.ai_protocol));
  if (!socket.valid()) return std::unexpected(errno_error("creating a socket", errno));
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(socket.get(), info.ai_addr, info.ai_addrlen) != 0) {
    if (errno == EADDRINUSE) return conflict("binding: the address is in use");
    if (errno == EADDRNOTAVAIL) {
      return invalid_argument("binding: this machine does not have the address",
                              "give --listen one that it has, or 0.0.0.0 for all");
    }
    if (errno == EACCES) {
      return denied("binding: this user may not use the port",
                    "give --listen a port from 1024 on, or the process CAP_NET_BIND_SERVICE");
    }
    return std::unexpected(errno_error("binding", errno));
  }
  if (::listen(socket.get(), kBacklog) != 0) {
    return std::unexpected(errno_error("listening", errno));
  }
  return socket;
}

}  // namespace

Result<HostAndPort> parse_listen_address(const std::string& address) {
  const auto bad = [&] {
    return invalid_argument("listening on " + escape_for_message(address) + ": bad address",
                            "write HOST:PORT or [ADDRESS]:PORT");
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return bad();
  HostAndPort result{address.substr(0, colon), address.substr(colon + 1)};
  if (result.host.starts_with('[') && result.host.ends_with(']')) {
    result.host = result.host.substr(1, result.host.size() - 2);
  } else if (result.host.find(':') != std::string::npos) {
    return bad();
  }
  const bool digits = std::ranges::all_of(result.port, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || result.port.empty() || result.port.size() > 5) return bad();
  if (std::stoi(result.port) > 65'535) return bad();
  return result;
}

Result<Listener> Listener::tcp(const std::string& address) {
  const HostAndPort where = TRY(parse_listen_address(address));
  const AddressInfo info = TRY(resolve(where));
  Result<FileDescriptor> socket = internal_error("listening: no address");
  for (const addrinfo* one = info.get(); one != nullptr && !socket; one = one->ai_next) {
    socket = bound_tcp_socket(*one);
  }
  if (!socket) return std::unexpected(std::move(socket).error().with_context(address));
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  ::getsockname(socket->get(), reinterpret_cast<sockaddr*>(&bound), &size);
  return Listener(Kind::kTcp, *std::move(socket), port_of(bound));
}

Result<Listener> Listener::control(const Path& path) {
  // Through the directory's descriptor, so that a long path fits into sun_path.
  const FileDescriptor directory = TRY(open_file(path.parent_path(), O_RDONLY | O_DIRECTORY));
  const std::string name =
      "/proc/self/fd/" + std::to_string(directory.get()) + "/" + path.filename().string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) {
    return invalid_argument("creating the control socket: its name is too long");
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return std::unexpected(errno_error("creating the control socket", errno));
  // On Linux bind(2) gives the file the socket's own mode: there is no moment at which it is wider.
  if (::fchmod(socket.get(), 0600) != 0) {
    return std::unexpected(errno_error("protecting the control socket", errno));
  }
  ::unlink(path.c_str());
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return std::unexpected(errno_error("binding the control socket", errno));
  }
  if (::listen(socket.get(), kBacklog) != 0) {
    return std::unexpected(errno_error("listening on the control socket", errno));
  }
  return Listener(Kind::kControl, std::move(socket), 0);
}

Result<Peer> peer_of(int socket, Listener::Kind kind) {
  Peer peer;
  if (kind == Listener::Kind::kControl) {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
      return std::unexpected(errno_error("asking who is on the control socket", errno));
    }
    if (credentials.uid != ::geteuid() && credentials.uid != 0) {
      return denied("the control socket is not for user " + std::to_string(credentials.uid));
    }
    peer.is_control_socket = true;
    return peer;
  }
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return unavailable("the client is gone already");
  }
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  peer.address = text_of(address);
  peer.port = port_of(address);
  return peer;
}

}  // namespace statehouse
