#pragma once
// Files of a page that the build took into the program, and how they are answered with.

#include "transport/http/message.hpp"

#include <string>
#include <string_view>

namespace plexus::transport {

struct asset {
  std::string_view path, content_type, bytes;
  std::string tag; ///< for the header ETag, with its quotes; another content has another tag
};

/// What is passed must live as long as the process does.
asset describe_asset(std::string_view path, std::string_view content_type, std::string_view bytes);

/// The file, or 304 to one who has it. A browser keeps it and asks each time whether it is still the same, so a new
/// version shows at once. `policy`: the header Content-Security-Policy.
http::response answer_with(const asset& what, const http::request& to, std::string_view policy);

} // namespace plexus::transport
