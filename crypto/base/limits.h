#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every bound of the product, in one place. Sizes in bytes. Each is a refusal with a message,
/// never a silent cut.
namespace statehouse::limits {

// Git objects and packs.
inline constexpr std::uint64_t kObjectBytesMax = 64ULL << 20;       ///< one inflated object
inline constexpr std::uint64_t kPackBytesMax = 512ULL << 20;        ///< one pushed pack, packed
inline constexpr std::uint64_t kPackInflatedBytesMax = 2ULL << 30;  ///< one pushed pack, inflated
inline constexpr std::uint64_t kPackObjectsMax = 1'000'000;         ///< objects in one pushed pack
inline constexpr std::uint64_t kPackDeltaDepthMax = 4096;           ///< delta chain inside one pack
inline constexpr std::size_t kCommitBytesMax = 1U << 20;            ///< one commit or tag object
inline constexpr std::size_t kTreeDepthMax = 128;                   ///< nested folders
inline constexpr std::uint64_t kTreeEntriesMax = 1'000'000;    ///< entries met in one tree walk
inline constexpr std::uint64_t kArchiveBytesMax = 2ULL << 30;  ///< one uncompressed snapshot
inline constexpr std::uint64_t kArchiveCacheBytesMax = 10ULL << 30;  ///< all kept snapshots
inline constexpr std::uint64_t kTreeFilesBytesMax = 64ULL << 20;  ///< files of one tree, read whole
inline constexpr std::uint64_t kCommitsPerPushMax = 100'000;      ///< commits new to one ref
inline constexpr std::uint64_t kCommitsInMemoryMax = 5'000'000;   ///< of one repository's history
inline constexpr std::size_t kRefNameBytesMax = 255;
inline constexpr std::size_t kRepositoryNameBytesMax = 200;
inline constexpr std::size_t kTreePathBytesMax = 4096;

// Git wire protocol.
inline constexpr std::size_t kPushCommandsMax = 1000;
inline constexpr std::size_t kPushOptionsMax = 32;
inline constexpr std::size_t kPushOptionBytesMax = 1024;
inline constexpr std::size_t kFetchWantsMax = 65'536;
inline constexpr std::size_t kUploadPackRequestBytesMax = 8U << 20;  ///< inflated

// HTTP.
inline constexpr std::size_t kHeaderBlockBytesMax = 32U << 10;
inline constexpr std::size_t kHeaderFieldsMax = 100;
inline constexpr std::size_t kRequestTargetBytesMax = 8U << 10;
inline constexpr std::chrono::seconds kHeaderDeadline{10};
inline constexpr std::chrono::seconds kIdleConnectionMax{100};
inline constexpr std::size_t kConnectionsMax = 20'000;
inline constexpr std::size_t kChangesShownMax = 100'000;  ///< changed files in one answer
inline constexpr std::size_t kJsonBodyBytesMax = 1U << 20;
inline constexpr std::size_t kBodyMemoryBytesMax = 1U << 20;  ///< larger bodies go to a file
inline constexpr std::uint64_t kInflateRatioMax = 200;
inline constexpr std::chrono::seconds kWriteStallMax{30};

// Resources and documents.
inline constexpr std::size_t kYamlFileBytesMax = 1U << 20;
inline constexpr std::size_t kYamlDepthMax = 32;
inline constexpr std::size_t kYamlEventsMax = 200'000;
inline constexpr std::size_t kYamlAliasesMax = 0;  ///< aliases are refused
inline constexpr std::size_t kConfigurationFilesMax = 10'000;
inline constexpr std::size_t kCommentBytesMax = 16U << 10;
inline constexpr std::size_t kReasonBytesMax = 4U << 10;

// Promotions.
inline constexpr std::uint64_t kCommitsPerPromotionMax = 10'000;  ///< a reviewer is shown each
inline constexpr std::size_t kOpenPromotionsPerPersonMax = 100;   ///< opened by one identity
inline constexpr std::size_t kPromotionEntriesPerMinute = 120;    ///< opened, updated, … by one
inline constexpr std::size_t kCommentsPerPromotionMax = 1000;
inline constexpr std::size_t kWordsPerApproverMax = 100;  ///< of one approver on one promotion

// The log.
inline constexpr std::size_t kEntryBytesMax = 65'535;  ///< C2SP tlog-tiles bundle format
inline constexpr std::size_t kEvidenceBytesMax = 4U << 20;
inline constexpr std::size_t kProofHashesMax = 63;
inline constexpr std::size_t kNoteBytesMax = 1U << 20;
inline constexpr std::size_t kNoteSignaturesMax = 100;

// Keys and signatures.
inline constexpr std::size_t kSignatureBytesMax = 64U << 10;   ///< one armored signature
inline constexpr std::size_t kPublicKeyBytesMax = 256U << 10;  ///< one armored OpenPGP key
inline constexpr unsigned kRsaBitsMin = 2048;
inline constexpr unsigned kRsaBitsMax = 16384;

}  // namespace statehouse::limits
