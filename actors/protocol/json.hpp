#pragma once
// The little JSON that hot paths write and check by themselves. Reading whole documents is simdjson's work where
// speed matters and nlohmann's where it does not.

#include <string>
#include <string_view>

namespace plexus::protocol::json {

/// Appends `text` as a JSON string, quotes included. `text` is valid UTF-8.
void append_string(std::string& out, std::string_view text);

/// True for text that is exactly one valid JSON value (UTF-8 included), white space around it allowed.
bool valid(std::string_view text);

/// Appends `value`, valid JSON text, without line breaks: the JSON protocol separates messages by them. Text that
/// has none is appended untouched.
void append_one_line(std::string& out, std::string_view value);

/// Appends `bytes` as a JSON string of base64, with its padding.
void append_base64(std::string& out, std::string_view bytes);

} // namespace plexus::protocol::json
