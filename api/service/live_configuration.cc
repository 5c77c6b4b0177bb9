#include "api/service/live_configuration.h"

#include "crypto/base/limits.h"
#include "store/git/tree_walk.h"

namespace statehouse {

namespace {

std::unexpected<Diagnostics> one_diagnostic(std::string message) {
  return std::unexpected(Diagnostics{Diagnostic{"", {}, std::move(message), ""}});
}

std::string first_lines(const Diagnostics& diagnostics) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < diagnostics.size() && i < kShown; ++i) {
    text += (i == 0 ? "" : "; ") + diagnostics[i].text();
  }
  if (diagnostics.size() > kShown) {
    text += "; and " + std::to_string(diagnostics.size() - kShown) + " more";
  }
  return text;
}

std::vector<std::string> openpgp_keys(const Configuration& configuration) {
  std::vector<std::string> keys;
  for (const KeyEntry& entry : configuration.keys().entries()) {
    if (!entry.key.openpgp.empty()) keys.push_back(entry.key.openpgp);
  }
  return keys;
}

}  // namespace

OpenPgpInspector LiveConfiguration::inspector() const {
  return [scratch = scratch_](std::string_view armored) -> Result<OpenPgpKeySummary> {
    const OpenPgpKeyInfo info = TRY(inspect_openpgp_key(armored, scratch));
    OpenPgpKeySummary summary{info.fingerprint, {}};
    for (const auto& subkey : info.subkeys) {
      if (subkey.fingerprint != info.fingerprint) {
        summary.subkey_fingerprints.push_back(subkey.fingerprint);
      }
    }
    return summary;
  };
}

std::expected<Configuration, Diagnostics> LiveConfiguration::read(const GitRepository& system,
                                                                  const Oid& tree) const {
  return read(system, tree, inspector());
}

std::expected<Configuration, Diagnostics> LiveConfiguration::read(const GitRepository& system,
                                                                  const Oid& tree,
                                                                  const OpenPgpInspector& inspect) {
  auto files =
      read_tree_files(system, tree, limits::kConfigurationFilesMax, limits::kYamlFileBytesMax);
  if (!files) return one_diagnostic(files.error().message);
  std::vector<ConfigurationFile> documents;
  for (TreeFile& file : *files) {
    if (file.mode == FileMode::kFile || file.mode == FileMode::kExecutable) {
      documents.push_back({std::move(file.path), std::move(file.bytes)});
    }
  }
  return Configuration::build(documents, inspect);
}

Result<> LiveConfiguration::activate(const GitRepository& system, const Oid& tree,
                                     VersionNumber version) {
  auto configuration = read(system, tree);
  if (!configuration) {
    return invalid_argument("reading the configuration: " + first_lines(configuration.error()));
  }
  auto next = std::make_shared<ActiveConfiguration>(version, std::move(*configuration));
  const std::vector<std::string> keys = openpgp_keys(next->configuration);
  if (!keys.empty()) {
    TemporaryDirectory home = TRY(TemporaryDirectory::create(scratch_, "gpg-"));
    next->openpgp = TRY(OpenPgpKeyring::create(home.path() / "ring", keys));
    next->openpgp_home = std::make_shared<TemporaryDirectory>(std::move(home));
  }
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
  stale_.reset();
  changed_.notify_all();
  return {};
}

std::shared_ptr<const ActiveConfiguration> LiveConfiguration::current() const {
  const std::lock_guard lock(mutex_);
  STATEHOUSE_ASSERT(current_ != nullptr);
  return current_;
}

bool LiveConfiguration::wait_until_newer(VersionNumber version) {
  constexpr std::chrono::seconds kWaitMax{10};
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kWaitMax, [&] { return current_->version > version; });
}

void LiveConfiguration::set_stale(std::string reason) {
  const std::lock_guard lock(mutex_);
  stale_ = std::move(reason);
}

std::optional<std::string> LiveConfiguration::stale() const {
  const std::lock_guard lock(mutex_);
  return stale_;
}

}  // namespace statehouse
