#include "api/http/stream.h"

#include <httplib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

namespace statehouse {

namespace {

/// The library's view of a connection: reads a fixed request line, writes where we say.
class LibraryStream final : public httplib::Stream {
 public:
  LibraryStream(Method method, ResponseRenderer::BlockingWrite write)
      : input_(std::string(method_name(method)) + " / HTTP/1.1\r\n\r\n"),
        write_(std::move(write)) {}

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return !failed_; }

  ssize_t read(char* into, size_t count) override {
    const std::size_t taken = std::min(count, input_.size() - read_);
    std::memcpy(into, input_.data() + read_, taken);
    read_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* bytes, size_t count) override {
    if (failed_ || !write_({bytes, count})) {
      failed_ = true;
      return -1;
    }
    return static_cast<ssize_t>(count);
  }

  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  [[nodiscard]] socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string input_;
  std::size_t read_ = 0;
  ResponseRenderer::BlockingWrite write_;
  bool failed_ = false;
};

class LibrarySink final : public ResponseSink {
 public:
  LibrarySink(httplib::DataSink& sink, const HttpRequest& request)
      : sink_(sink), request_(request) {}

  Result<> write(std::string_view bytes) override {
    if (bytes.empty()) return {};  // an empty chunk would end the response
    if (failed_ || !sink_.write(bytes.data(), bytes.size())) {
      failed_ = true;
      return unavailable("sending a response: the client is gone or does not read");
    }
    return {};
  }

  [[nodiscard]] bool client_gone() const override { return failed_ || request_.client_gone(); }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  httplib::DataSink& sink_;
  const HttpRequest& request_;
  bool failed_ = false;
};

}  // namespace

std::string http_date(Timestamp time) {
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = time.unix_seconds();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  // Not strftime: its names depend on the locale.
  const int size = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                 kDays.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                                 kMonths.at(static_cast<std::size_t>(parts.tm_mon)),
                                 parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

/// The library's server, with none of its sockets, threads or routes.
class ResponseRenderer::Front final : public httplib::Server {
 public:
  explicit Front(const Clock& clock) : clock_(clock) {
    // An invalid listening socket means "shutting down" to the library, which then sends no bodies.
    svr_sock_ = 0;
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      response.status = status_;
      if (has_provider) provide(response);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      response.headers = std::move(fields_);
    });
  }

  struct Framing {
    After after;
    bool is_http_1_0;
    std::optional<std::uint64_t> body_bytes;  ///< none: streaming
  };

  void prepare(const HttpResponse& response, const Framing& framing) {
    status_ = response.status();
    fields_.clear();
    for (const HeaderField& field : response.headers()) fields_.emplace(field.name, field.value);
    fields_.emplace("Date", date());
    if (!response.header("Cache-Control")) fields_.emplace("Cache-Control", "no-store");
    if (!response.header("X-Content-Type-Options")) {
      fields_.emplace("X-Content-Type-Options", "nosniff");
    }
    const bool bodiless = status_ == 204 || status_ == 304;
    if (framing.body_bytes && !bodiless) {
      fields_.emplace("Content-Length", std::to_string(*framing.body_bytes));
    } else if (!framing.body_bytes && !framing.is_http_1_0) {
      fields_.emplace("Transfer-Encoding", "chunked");
    }
    if (framing.after == After::kClose) {
      fields_.emplace("Connection", "close");
    } else if (framing.is_http_1_0) {
      fields_.emplace("Connection", "keep-alive");
    }
  }

  bool run(LibraryStream& stream) {
    bool closed = false;
    return process_request(stream, false, closed, [](httplib::Request& request) {
      request.headers.clear();
      request.ranges.clear();
    });
  }

  std::function<void(httplib::Response&)> provide;
  bool has_provider = false;

 private:
  const std::string& date() {
    const Timestamp now = clock_.now();
    if (date_.empty() || now.unix_seconds() != date_second_) {
      date_second_ = now.unix_seconds();
      date_ = http_date(now);
    }
    return date_;
  }

  const Clock& clock_;
  int status_ = 200;
  httplib::Headers fields_;
  std::string date_;
  std::int64_t date_second_ = 0;
};

ResponseRenderer::ResponseRenderer(const Clock& clock) : front_(std::make_unique<Front>(clock)) {}
ResponseRenderer::~ResponseRenderer() = default;

std::string ResponseRenderer::head(Method method, const HttpResponse& response,
                                   std::uint64_t body_bytes, After after, bool is_http_1_0) {
  front_->prepare(response, {after, is_http_1_0, body_bytes});
  front_->has_provider = false;
  std::string bytes;
  LibraryStream stream(method, [&bytes](std::string_view part) {
    bytes.append(part);
    return true;
  });
  STATEHOUSE_ASSERT(front_->run(stream));
  return bytes;
}

bool ResponseRenderer::stream(const HttpRequest& request, const HttpResponse& response,
                              const GuardedProducer& producer, const BlockingWrite& write,
                              After after, bool is_http_1_0) {
  front_->prepare(response, {after, is_http_1_0, std::nullopt});
  bool complete = request.method == Method::kHead;
  const auto provide = [&](size_t /*offset*/, httplib::DataSink& library_sink) {
    LibrarySink sink(library_sink, request);
    complete = producer(sink).has_value() && !sink.failed();
    if (complete) library_sink.done();
    return complete;
  };
  front_->has_provider = true;
  front_->provide = [&](httplib::Response& library_response) {
    if (is_http_1_0) {
      library_response.set_content_provider("", provide);
    } else {
      library_response.set_chunked_content_provider("", provide);
    }
  };
  LibraryStream stream(request.method, write);
  const bool sent = front_->run(stream);
  front_->provide = nullptr;
  return sent && complete;
}

}  // namespace statehouse
