#include "transport/stream/request.hpp"

#include "transport/stream/framing.hpp"

#include <algorithm>
#include <cctype>

namespace plexus::transport::stream {

namespace {

constexpr std::uint64_t emulation_envelope = 1024; // session, node and the names of the fields

framing framing_for(std::string_view path, protocol::format format, bool chunked) {
  if (path == sse_path) return chunked ? framing::stream_events : framing::plain_events;
  if (format == protocol::format::json) return chunked ? framing::stream_lines : framing::plain_lines;
  return chunked ? framing::stream_bytes : framing::plain_bytes;
}

std::string_view content_type(framing how) noexcept {
  switch (how) {
  case framing::stream_events:
  case framing::plain_events:
    return "text/event-stream; charset=utf-8";
  case framing::stream_bytes:
  case framing::plain_bytes:
    return "application/octet-stream";
  default:
    return "application/x-ndjson; charset=utf-8";
  }
}

} // namespace

std::uint64_t max_body(std::string_view path, const config::settings& settings) noexcept {
  const auto most = settings.client.max_message_size;
  return path == emulation_path ? 2 * most + emulation_envelope : most;
}

protocol::format format_of(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  for (auto& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return type == "application/octet-stream" ? protocol::format::protobuf : protocol::format::json;
}

http::response wrong_method(std::string_view path) {
  const std::string method = path == sse_path ? "GET" : "POST";
  auto out = http::sentence(405, "This path is asked with " + method + ".");
  out.headers.emplace_back("Allow", method + ", OPTIONS");
  return out;
}

http::response too_large() {
  return http::sentence(413, "The message is larger than client.max_message_size allows.");
}

std::variant<stream_opening, http::response> read_request(const http::request& what,
                                                          const config::settings& settings) {
  const bool events = what.path == sse_path;
  if (what.method != (events ? "GET" : "POST")) return wrong_method(what.path);
  stream_opening out;
  if (!events) out.format = format_of(what.header("content-type"));
  auto message = events ? what.parameter("cf_connect") : what.body;
  if (message.empty())
    return http::sentence(400, events ? "The parameter cf_connect has to carry the connect command."
                                      : "The body has to be the connect command.");
  if (message.size() > settings.client.max_message_size) return too_large();
  out.first = protocol::padded_text::take(std::move(message));
  out.framing = framing_for(what.path, out.format, what.version > 10);
  out.reusable = what.keep_alive && is_chunked(out.framing);
  out.head = "HTTP/1.1 200 OK\r\nContent-Type: ";
  // Whoever stands between is not to keep, to compress or to hold back anything.
  out.head.append(content_type(out.framing))
      .append("\r\nCache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n"
              "X-Content-Type-Options: nosniff\r\n");
  if (is_chunked(out.framing)) out.head += "Transfer-Encoding: chunked\r\n";
  if (!out.reusable) out.head += "Connection: close\r\n";
  return out;
}

} // namespace plexus::transport::stream
