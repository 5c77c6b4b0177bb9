#include "api/http/server.h"

#include <thread>
#include <utility>

#include "api/http/admission.h"
#include "api/http/io_loop.h"
#include "api/http/listener.h"
#include "api/http/mailbox.h"
#include "api/http/tls.h"
#include "api/http/worker.h"

namespace statehouse {

namespace {

Result<std::optional<TlsContext>> load_tls(const HttpServerOptions& options) {
  if (!options.tls_certificate && !options.tls_key) return std::nullopt;
  if (!options.tls_certificate || !options.tls_key) {
    return invalid_argument("preparing TLS: certificate and key go together",
                            "give both --tls-cert and --tls-key");
  }
  return TRY(TlsContext::load(*options.tls_certificate, *options.tls_key));
}

Result<std::vector<Listener>> listen(const HttpServerOptions& options) {
  std::vector<Listener> listeners;
  listeners.push_back(TRY(Listener::tcp(options.listen)));
  if (options.control_socket) listeners.push_back(TRY(Listener::control(*options.control_socket)));
  return listeners;
}

}  // namespace

/// The object graph of one server. Members are destroyed in reverse: the loop, which owns the
/// connections, after the workers that use them.
class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, const Router& router, const Clock& clock, const Entropy& entropy,
       std::optional<TlsContext> tls, std::shared_ptr<Mailbox> mailbox)
      : options_(std::move(options)),
        clock_(clock),
        tls_(std::move(tls)),
        mailbox_(std::move(mailbox)),
        budget_(options_.body_memory_bytes_total_max, options_.body_file_bytes_total_max),
        assembling_{[&router](const RequestHead& head) { return admit_request(router, head); },
                    options_.temporary_directory, &budget_},
        write_limits_{options_.write_stall_max, options_.rate_grace, options_.bytes_per_second_min},
        dispatcher_({router, options_.gate, entropy, options_.log, metrics_,
                     options_.temporary_directory, &budget_}) {}

  ~Impl() {
    mailbox_->post_stop();
    if (io_thread_.joinable()) io_thread_.join();
    quick_.reset();
    long_.reset();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<> start(std::vector<Listener> listeners) {
    port_ = listeners.front().port();
    loop_ = TRY(IoLoop::create(parts(), std::move(listeners)));
    quick_ = make_pool(options_.quick_workers);
    long_ = make_pool(options_.long_workers);
    io_thread_ = std::thread([this] { loop_->run(); });
    return {};
  }

  bool drain(std::chrono::milliseconds wait_max) {
    mailbox_->post_drain();
    return loop_->wait_until_empty(wait_max);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const HttpMetrics& metrics() const { return metrics_; }
  [[nodiscard]] std::string url() const {
    const auto where = parse_listen_address(options_.listen);
    STATEHOUSE_ASSERT(where.has_value());  // it was bound
    std::string host = where->host.empty() ? "localhost" : where->host;
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port_);
  }

 private:
  WorkerPool& pool(Lane lane) { return lane == Lane::kLong ? *long_ : *quick_; }

  IoLoop::Parts parts() {
    return {options_,
            assembling_,
            write_limits_,
            tls_ ? &*tls_ : nullptr,
            clock_,
            metrics_,
            mailbox_,
            [this](Lane lane, std::unique_ptr<Exchange> exchange) {
              pool(lane).submit(std::move(exchange));
            },
            [this](Lane lane) { return pool(lane).queue_length(); }};
  }

  std::unique_ptr<WorkerPool> make_pool(std::size_t threads) {
    return std::make_unique<WorkerPool>(
        threads,
        [this] {
          return std::make_unique<ExchangeRunner>(dispatcher_, write_limits_, clock_, metrics_);
        },
        [this](std::unique_ptr<Exchange> exchange, Exchange::Outcome outcome) {
          mailbox_->post(std::move(exchange), outcome);
        });
  }

  // Constant after construction.
  const HttpServerOptions options_;
  const Clock& clock_;
  const std::optional<TlsContext> tls_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::uint16_t port_ = 0;

  // Own synchronization.
  HttpMetrics metrics_;
  BodyBudget budget_;
  const AssemblerContext assembling_;
  const WriteLimits write_limits_;
  const Dispatcher dispatcher_;
  std::unique_ptr<IoLoop> loop_;
  std::unique_ptr<WorkerPool> quick_;
  std::unique_ptr<WorkerPool> long_;
  std::thread io_thread_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options,
                                                      const Router& router, const Clock& clock,
                                                      const Entropy& entropy) {
  std::optional<TlsContext> tls = TRY(load_tls(options));
  std::vector<Listener> listeners = TRY(listen(options));
  std::shared_ptr<Mailbox> mailbox = TRY(Mailbox::create());
  auto impl = std::make_unique<Impl>(std::move(options), router, clock, entropy, std::move(tls),
                                     std::move(mailbox));
  TRY(impl->start(std::move(listeners)));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const { return impl_->port(); }
std::string HttpServer::url() const { return impl_->url(); }
const HttpMetrics& HttpServer::metrics() const { return impl_->metrics(); }
bool HttpServer::drain(std::chrono::milliseconds wait_max) { return impl_->drain(wait_max); }

}  // namespace statehouse
