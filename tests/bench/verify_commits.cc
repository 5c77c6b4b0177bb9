// Signed commits verified per second, in process, by one thread.
//
//   verify_commits FILE KEYLINE SECONDS
//
// FILE is the output of `git cat-file --batch`; KEYLINE the signer's public key. Each commit is
// split strictly, its signature verified, and its key compared, over and over until SECONDS passed;
// nothing is remembered between two looks at the same commit. Prints one JSON object.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/file.h"
#include "crypto/base/json.h"
#include "crypto/git_object.h"
#include "crypto/ssh_key.h"
#include "crypto/sshsig.h"

namespace statehouse {
namespace {

/// `<oid> commit <size>\n<bytes>\n`, repeated.
Result<std::vector<std::string>> read_batch(std::string_view text) {
  std::vector<std::string> commits;
  while (!text.empty()) {
    const std::size_t line_end = text.find('\n');
    const std::string line(text.substr(0, line_end));
    const std::size_t blank = line.rfind(' ');
    if (line_end == text.npos || blank == line.npos || line.find(" commit ") == line.npos) {
      return invalid_argument("reading the batch: unexpected line");
    }
    const std::size_t size = std::strtoull(line.c_str() + blank, nullptr, 10);
    commits.emplace_back(text.substr(line_end + 1, size));
    text.remove_prefix(std::min(text.size(), line_end + 1 + size + 1));
  }
  return commits;
}

Result<> verify(const std::string& raw, const SshPublicKey& signer) {
  const GitSignatureSplit split = split_commit(raw);
  if (split.state != GitSignatureState::kSigned) return unverified("not signed: " + split.reason);
  const SshSignatureVerified verified = TRY(verify_ssh_signature(
      split.signed_payload.payload, split.signed_payload.signature, kSshNamespaceGit));
  return verified.key() == signer ? Result<>{} : unverified("signed by another key");
}

Result<Json> measure(const Path& file, std::string_view key_line, int seconds) {
  using SteadyClock = std::chrono::steady_clock;
  const std::vector<std::string> commits = TRY(read_batch(TRY(read_file(file, 1U << 28))));
  const SshPublicKey signer = TRY(SshPublicKey::parse_line(key_line));
  if (commits.empty()) return invalid_argument("no commits");
  std::size_t verified = 0;
  const auto started = SteadyClock::now();
  const auto end = started + std::chrono::seconds(seconds);
  do {
    for (const std::string& commit : commits) {
      TRY(verify(commit, signer));
      ++verified;
    }
  } while (SteadyClock::now() < end);
  const double elapsed = std::chrono::duration<double>(SteadyClock::now() - started).count();
  return Json{{"commits", commits.size()},
              {"verified", verified},
              {"perSecond", static_cast<double>(verified) / elapsed}};
}

}  // namespace
}  // namespace statehouse

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: verify_commits FILE KEYLINE SECONDS\n";
    return 2;
  }
  const auto result = statehouse::measure(argv[1], argv[2], std::atoi(argv[3]));
  if (!result) {
    std::cerr << result.error().message << "\n";
    return 1;
  }
  std::cout << *result << "\n";
  return 0;
}
