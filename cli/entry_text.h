#pragma once

#include <string>

#include "crypto/base/json.h"

namespace statehouse {

/// A table of log entries ({"entries": [{index, event}]}), for people.
std::string entries_table(const Json& list);
/// One entry with its evidence ({index, event, leafHash, evidence}), for people.
std::string describe_entry(const Json& entry);

/// The first line of a CSV export (RFC 4180, LF line ends).
std::string csv_heading();
/// One entry as a line of it. Cells that a spreadsheet would run as a formula get a ' in front.
std::string csv_line(const Json& entry);

/// Checks what an entry's document says about itself: its raw bytes hash to its leaf hash and hold
/// its event, and each piece of evidence hashes to its digest (erased ones cannot be checked).
/// Errors: kUnverified.
Result<> verify_entry_document(const Json& entry);

}  // namespace statehouse
