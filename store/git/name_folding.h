#pragma once

#include <string>
#include <string_view>

namespace statehouse {

/// The key under which two names of one folder collide on a file system that ignores case or that
/// composes accents (NTFS, APFS, HFS+).
///
/// Case is folded and accents are taken apart (Unicode 14, simple case folding and canonical
/// decomposition) for the Latin, Greek and Cyrillic blocks: U+00B5-024F, U+0370-052F, U+1E00-1FFF
/// and the Ohm, Kelvin and Angstrom signs. Characters that HFS+ ignores are dropped. Other scripts
/// stay as they are: they have no case, and Hangul and kana are not decomposed.
/// REQUIRES: valid UTF-8 for the promise; other bytes are kept.
std::string collision_key(std::string_view name);

}  // namespace statehouse
