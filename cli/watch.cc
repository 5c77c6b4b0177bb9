#include "cli/watch.h"

#include <ostream>

namespace statehouse {

Result<> show_watched(Session& session, Watch watch, const Watched& watched) {
  Environment& environment = session.environment();
  std::string before;
  for (;;) {
    const Json document = TRY(watched.look());
    const std::string now = dump_json(document);
    if (now != before) {
      const bool is_again = !before.empty();
      if (is_again && session.format() == OutputFormat::kText) environment.out << "\n";
      TRY(watched.show(document));
      environment.out.flush();
      if (!environment.out) return {};  // nobody reads any more: `run_cli` says so
    }
    before = now;
    if (watch == Watch::kOnce || watched.is_done(document)) return {};
    if (!environment.wait(kPollInterval)) return {};
  }
}

}  // namespace statehouse
