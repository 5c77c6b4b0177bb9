#include "cli/local_configuration.h"

#include <algorithm>
#include <ostream>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/openpgp.h"

namespace statehouse {
namespace {

namespace fs = std::filesystem;

bool is_yaml(const Path& path) { return path.extension() == ".yaml" || path.extension() == ".yml"; }

Result<> add_file(std::vector<ConfigurationFile>& files, const Path& path, const Path& shown_as) {
  if (files.size() >= limits::kConfigurationFilesMax) {
    return invalid_argument("reading the configuration: it has more than " +
                            std::to_string(limits::kConfigurationFilesMax) + " files");
  }
  std::string bytes = TRY_WITH("reading " + escape_for_message(path.string()),
                               read_file(path, limits::kYamlFileBytesMax));
  files.push_back({shown_as.generic_string(), std::move(bytes)});
  return {};
}

OpenPgpInspector inspector_in(const Path& scratch) {
  return [scratch](std::string_view armored) -> Result<OpenPgpKeySummary> {
    const OpenPgpKeyInfo info = TRY(inspect_openpgp_key(armored, scratch));
    OpenPgpKeySummary summary;
    summary.primary_fingerprint = info.fingerprint;
    for (const OpenPgpKeyInfo::Subkey& subkey : info.subkeys) {
      if (subkey.fingerprint != info.fingerprint) {
        summary.subkey_fingerprints.push_back(subkey.fingerprint);
      }
    }
    return summary;
  };
}

void print(std::ostream& err, const Diagnostic& diagnostic) {
  err << diagnostic.text() << "\n";
  if (!diagnostic.fix.empty() && diagnostic.text().find(diagnostic.fix) == std::string::npos) {
    err << "  fix: " << diagnostic.fix << "\n";
  }
}

}  // namespace

Result<std::vector<ConfigurationFile>> read_configuration_files(const Path& directory) {
  std::vector<ConfigurationFile> files;
  std::error_code error;
  if (fs::is_regular_file(directory, error)) {
    TRY(add_file(files, directory, directory.filename()));
    return files;
  }
  fs::recursive_directory_iterator walk(directory, error);
  if (error == std::errc::not_a_directory) {
    return invalid_argument(
        "reading " + escape_for_message(directory.string()) + ": neither a folder nor a file",
        "name a folder of YAML files, or one of them");
  }
  if (error) {
    return std::unexpected(
        errno_error("reading " + escape_for_message(directory.string()), error.value()));
  }
  for (; walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const fs::directory_entry& entry = *walk;
    const bool hidden = entry.path().filename().string().starts_with('.');
    if (hidden && entry.is_directory(error)) walk.disable_recursion_pending();
    if (hidden || entry.is_symlink(error) || !entry.is_regular_file(error)) continue;
    if (is_yaml(entry.path())) {
      TRY(add_file(files, entry.path(), entry.path().lexically_relative(directory)));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const auto& one, const auto& other) { return one.path < other.path; });
  return files;
}

Result<CheckedConfiguration> check_configuration(const Session& session,
                                                 const std::vector<ConfigurationFile>& files) {
  const TemporaryDirectory scratch =
      TRY(TemporaryDirectory::create(fs::temp_directory_path(), "statehouse-"));
  auto configuration = Configuration::build(files, inspector_in(scratch.path()));
  std::ostream& err = session.environment().err;
  if (!configuration) {
    for (const Diagnostic& diagnostic : configuration.error()) print(err, diagnostic);
    return configuration;
  }
  for (const Diagnostic& warning : configuration->warnings()) {
    err << "warning: ";
    print(err, warning);
  }
  return configuration;
}

Error not_valid(const Diagnostics& problems) {
  const std::size_t count = problems.size();
  return {ErrorCode::kInvalidArgument,
          "the configuration is not valid: " + std::to_string(count) +
              (count == 1 ? " problem" : " problems"),
          "mend what is listed with its file and line"};
}

}  // namespace statehouse
