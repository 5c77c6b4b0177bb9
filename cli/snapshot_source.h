#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/api_client.h"
#include "cli/session.h"
#include "cli/snapshot_verifier.h"
#include "crypto/trust.h"

namespace statehouse {

/// Reads and pins the trust document in `file` (`--trust`). Errors: kNotFound, kUnverified.
Result<TrustDocument> load_trust(const Session& session, std::string_view file);

/// A verified snapshot with the server's exact answer, to be kept for offline verification.
struct FetchedSnapshot {
  VerifiedSnapshot verified;
  std::string document;
};

/// Asks the server for a snapshot and verifies all but its archive.
/// REQUIRES: `question` names repository and ref. Errors: those of the server and of
/// verify_snapshot.
Result<FetchedSnapshot> fetch_snapshot(ApiClient& client, const TrustDocument& trust,
                                       const SnapshotQuestion& question, const LastSeen& last);

/// Downloads the archive of `snapshot` into the new file `path`, never more bytes than the
/// statement says, and verifies its size and digest. After an error the file may hold a part.
/// Errors: kUnavailable too when `is_stopping` says so on the way.
Result<> download_archive(ApiClient& client, const VerifiedSnapshot& snapshot, const Path& path,
                          const std::function<bool()>& is_stopping);

/// Checks size, digest and format of the archive in `archive` and unpacks it into the empty folder
/// `directory`, everything fsynced.
Result<> unpack_archive(const VerifiedSnapshot& snapshot, const Path& archive,
                        const Path& directory);

/// What scripts read about a verified snapshot.
Json snapshot_document(const VerifiedSnapshot& snapshot);
/// The same for people.
std::string describe_snapshot(const Json& document);

}  // namespace statehouse
