#pragma once

#include <string>
#include <string_view>

namespace statehouse {

/// `text` without the user name and password of each URL in it ("http://u:p@host/x" is
/// "http://host/x"), also of one whose password should have been percent-encoded. For whatever is
/// shown or stored; not escaped. Pure. Threads: any.
std::string without_userinfo(std::string_view text);

}  // namespace statehouse
