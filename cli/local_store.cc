#include "cli/local_store.h"

#include <unistd.h>

#include <cerrno>
#include <semaphore>

#include "api/http/application.h"
#include "api/http/head_parser.h"
#include "cli/server_config.h"
#include "cli/version.h"
#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

/// Collects a streamed answer in memory, within the request's bound.
class CollectingSink final : public ResponseSink {
 public:
  explicit CollectingSink(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  Result<> write(std::string_view bytes) override {
    if (collected_.size() + bytes.size() > bytes_max_) {
      return unavailable("answering: the answer is longer than allowed");
    }
    collected_.append(bytes);
    return {};
  }
  [[nodiscard]] bool client_gone() const override { return false; }
  [[nodiscard]] std::string take() { return std::move(collected_); }

 private:
  std::uint64_t bytes_max_;
  std::string collected_;
};

Result<std::string> read_file_body(const FileBody& file, std::uint64_t bytes_max) {
  if (file.size > bytes_max) return unavailable("answering: the answer is longer than allowed");
  std::string bytes(file.size, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::pread(file.file->get(), bytes.data() + filled, bytes.size() - filled,
                                static_cast<off_t>(file.offset + filled));
    if (got <= 0) return std::unexpected(errno_error("reading an answer", got < 0 ? errno : EIO));
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<std::string> read_body(HttpResponse& response, std::uint64_t bytes_max) {
  HttpResponse::Body body = response.take_body();
  if (auto* text = std::get_if<std::string>(&body)) return std::move(*text);
  if (auto* file = std::get_if<FileBody>(&body)) return read_file_body(*file, bytes_max);
  if (auto* producer = std::get_if<StreamProducer>(&body)) {
    CollectingSink sink(bytes_max);
    TRY((*producer)(sink));
    return sink.take();
  }
  return internal_error("answering: a parked answer has nobody to wait for it here");
}

/// Waits here for what a connection would be parked for.
HttpResponse wait_if_parked(const Dispatcher& dispatcher, HttpResponse response) {
  const auto* body = std::get_if<std::shared_ptr<Parking>>(&response.body());
  if (body == nullptr) return response;
  const std::shared_ptr<Parking> parking = *body;
  // Shared with the function that wakes, which may be called late.
  const auto woken = std::make_shared<std::counting_semaphore<>>(0);
  const auto subscription = parking->subscribe([woken] { woken->release(); });
  const bool in_time = woken->try_acquire_for(parking->wait_max);
  return dispatcher.resume(*parking, in_time ? WakeReason::kWoken : WakeReason::kTimeout);
}

Result<HttpRequest> to_http(const ApiRequest& request) {
  HttpRequest http;
  const auto method = method_from_name(request.method);
  if (!method) return invalid_argument("asking: unknown method");
  http.method = *method;
  const std::size_t question = request.target.find('?');
  http.path = TRY(decode_path(std::string_view(request.target).substr(0, question)));
  if (question != std::string::npos) {
    http.query = TRY(decode_query(std::string_view(request.target).substr(question + 1)));
  }
  http.body = RequestBody(request.body);
  http.is_control_socket = true;
  return http;
}

}  // namespace

Result<std::unique_ptr<StateStore>> open_store(const Path& data, const StateStoreOptions& options) {
  auto store = StateStore::open(data, options);
  if (!store && store.error().code == ErrorCode::kNotFound && store.error().fix.empty()) {
    store.error().fix = "is the path right? To make a store there: statehouse init --data " +
                        escape_for_message(data.string()) +
                        " --name ORIGIN --admin IDENTITY=KEYFILE";
  }
  return store;
}

Result<ApiResponse> run_on_data(const Environment& environment, const Path& data,
                                const ApiRequest& request) {
  const GitLibrary git;
  const LogLine log = [&environment](std::string_view line) { environment.err << line << "\n"; };
  StateStoreOptions options{.git = git,
                            .clock = environment.clock,
                            .entropy = environment.entropy,
                            .steps = environment.steps,
                            .log = log};
  const ServerConfig config = TRY(server_config_for(data, std::nullopt));
  if (config.high_water) options.high_water = data / *config.high_water;
  const auto store = TRY(open_store(data, options));
  Application application(*store, {.public_url = "", .version = std::string(kProgramVersion)});
  HttpMetrics metrics;
  const Gate gate = application.gate();
  const Path scratch = store->layout().scratch();
  const Dispatcher dispatcher({.router = application.router(),
                               .gate = gate,
                               .entropy = environment.entropy,
                               .log = log,
                               .metrics = metrics,
                               .temporary_directory = scratch,
                               .budget = nullptr});
  HttpRequest http = TRY(to_http(request));
  HttpResponse response = wait_if_parked(dispatcher, dispatcher.dispatch(http));
  ApiResponse answer;
  answer.status = response.status();
  if (const auto type = response.header("Content-Type")) answer.content_type = *type;
  answer.body = TRY(read_body(response, request.response_bytes_max));
  return answer;
}

}  // namespace statehouse
