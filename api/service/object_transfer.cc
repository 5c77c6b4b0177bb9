#include "api/service/object_transfer.h"

#include <fcntl.h>

#include "crypto/base/file.h"
#include "store/git/upload_pack.h"

namespace statehouse {

namespace {

/// A fetch of one commit in protocol v0 without side-band: the answer is "0008NAK\n" and the pack.
std::string fetch_request(const Oid& commit) {
  return "0032want " + commit.hex() + "\n00000009done\n";
}
constexpr std::uint64_t kAnswerHeadBytes = 8;

}  // namespace

Result<Quarantine> transfer_commit(const Core& core, const RepositoryName& from,
                                   const RepositoryName& to, const Oid& commit) {
  const TemporaryDirectory scratch =
      TRY(TemporaryDirectory::create(core.repositories.path(to) / "objects", "incoming-transfer-"));
  const Path file = scratch.path() / "pack";
  const FileDescriptor fd = TRY(open_file(file, O_RDWR | O_CREAT | O_EXCL, 0600));
  const std::string body = fetch_request(commit);
  UploadPackRequest request{.repository = core.repositories.path(from)};
  request.body = body;
  TRY_WITH(
      "copying " + commit.hex() + " to " + to.str(),
      run_upload_pack(request, [&](std::string_view bytes) { return write_all(fd.get(), bytes); }));
  return Quarantine::ingest(core.repositories, to,
                            PackInput{.fd = fd.get(), .offset = kAnswerHeadBytes});
}

}  // namespace statehouse
