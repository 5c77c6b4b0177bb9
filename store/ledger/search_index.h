#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "store/ledger/event.h"
#include "store/ledger/reader.h"
#include "store/model/name.h"

namespace statehouse {

enum class EntryOutcome { kAccepted, kDenied };

/// Which entries to find; absent fields do not filter. All given ones must hold.
struct SearchQuery {
  std::optional<std::string> repository = std::nullopt;
  std::optional<std::string> ref = std::nullopt;   ///< full name
  std::optional<std::string> path = std::nullopt;  ///< a file, or a folder: everything below it
  std::optional<std::string> actor = std::nullopt;
  std::optional<std::string> approver = std::nullopt;
  std::optional<PromotionNumber> promotion = std::nullopt;
  std::optional<std::string> key_fingerprint = std::nullopt;  ///< of a commit or an approval
  std::optional<EventType> type = std::nullopt;
  std::optional<EntryOutcome> outcome = std::nullopt;
  std::optional<Timestamp> since = std::nullopt;  ///< inclusive
  std::optional<Timestamp> until = std::nullopt;  ///< exclusive
  std::string text;                               ///< words that must all occur; no syntax
  std::optional<EntryIndex> before = std::nullopt;
  std::size_t count_max = 50;
};

/// Finds entries. Entries of a promotion are found by both its ends; moves by the keys that signed
/// the commits they brought; refusals by the keys that their decision names.
///
/// A cache: everything in it is derived from the ledger, plus the changed paths that
/// the caller computes from Git; it may be deleted at any time and is never on the commit path.
/// Nothing is believed because the index says so: callers read the entry itself from the ledger.
///
/// Threads: any; calls are serialised by a mutex. Durability: none promised (synchronous=OFF); an
/// index that was damaged is thrown away and built anew.
class SearchIndex {
 public:
  /// Opens or makes `path`. A file that is damaged, or of another release, is replaced.
  static Result<std::unique_ptr<SearchIndex>> open(const Path& path);
  ~SearchIndex();
  SearchIndex(const SearchIndex&) = delete;
  SearchIndex& operator=(const SearchIndex&) = delete;

  /// Indexes entries from where it stands to the published end of `ledger`, in steps. When the
  /// entry it last saw is not the ledger's (another ledger, a restored one), it starts anew.
  /// `progress(done, all)` may be null. Returns the number of entries indexed.
  Result<std::uint64_t> follow(
      const LedgerReader& ledger,
      const std::function<void(std::uint64_t, std::uint64_t)>& progress = nullptr);
  /// Forgets everything, then follows.
  Result<std::uint64_t> rebuild(
      const LedgerReader& ledger,
      const std::function<void(std::uint64_t, std::uint64_t)>& progress = nullptr);

  /// Says which paths the move logged at `entry` changed. Adding twice is harmless.
  Result<> add_paths(EntryIndex entry, const std::vector<std::string>& paths);
  /// ref.updated entries that have no paths yet, oldest first: for the caller to fill after
  /// rebuild.
  Result<std::vector<EntryIndex>> entries_without_paths(std::size_t count_max);

  /// Indexes of entries, newest first.
  Result<Page<EntryIndex>> search(const SearchQuery& query);
  /// The index up to which entries are indexed.
  Result<EntryIndex> indexed_size();

 private:
  class Impl;
  explicit SearchIndex(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace statehouse
