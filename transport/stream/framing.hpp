#pragma once
// How messages stand in the body of a response that goes on: a line each, an event each, or as they are; and each
// in a chunk of its own (RFC 9112 7.1) where the client knows chunks. Pure.

#include "transport/fan_out_table.hpp"

#include <string>
#include <string_view>

namespace plexus::transport::stream {

/// Appends `message`, which may be several lines where the format has them, as `how` wants it.
void append_message(std::string& out, framing how, std::string_view message);
/// Appends what the body begins with, before any message: may be nothing.
void append_begin(std::string& out, framing how);
/// Appends what tells that the body is complete; nothing where only the connection's end does.
void append_end(std::string& out, framing how);

[[nodiscard]] bool is_chunked(framing how) noexcept;

} // namespace plexus::transport::stream
