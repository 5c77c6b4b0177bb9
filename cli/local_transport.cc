#include <utility>

#include "cli/api_transport.h"

namespace statehouse {
namespace {

class LocalTransport final : public ApiTransport {
 public:
  LocalTransport(std::string name, std::function<Result<ApiResponse>(const ApiRequest&)> handler)
      : name_(std::move(name)), handler_(std::move(handler)) {}

  Result<ApiResponse> send(const ApiRequest& request, const BodySink& sink) override {
    ApiResponse response = TRY(handler_(request));
    if (response.body.size() > request.response_bytes_max) {
      return unavailable("the answer is longer than " + std::to_string(request.response_bytes_max) +
                         " bytes");
    }
    if (sink && response.status >= 200 && response.status < 300) {
      TRY(sink(response.body));
      response.body.clear();
    }
    return response;
  }

  [[nodiscard]] std::string name() const override { return name_; }

 private:
  std::string name_;
  std::function<Result<ApiResponse>(const ApiRequest&)> handler_;
};

}  // namespace

std::unique_ptr<ApiTransport> make_local_transport(
    std::string name, std::function<Result<ApiResponse>(const ApiRequest&)> handler) {
  return std::make_unique<LocalTransport>(std::move(name), std::move(handler));
}

}  // namespace statehouse
