#include "load/dialect.hpp"

#include <charconv>
#include <stdexcept>

namespace plexus::bench {
namespace {

// Field numbers of `definitions/client.proto` in the public repository centrifugal/protocol.
constexpr std::uint32_t command_id = 1, command_connect = 4, command_subscribe = 5, command_publish = 7;
constexpr std::uint32_t connect_token = 1, subscribe_channel = 1, publish_channel = 1, publish_data = 2;
constexpr std::uint32_t reply_error = 2, reply_push = 4, reply_connect = 5, reply_subscribe = 6, reply_publish = 8;
constexpr std::uint32_t push_pub = 4, publication_offset = 6;
constexpr std::uint32_t varint_type = 0, fixed64_type = 1, bytes_type = 2, fixed32_type = 5;

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
}

void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  append_varint(out, field << 3 | bytes_type);
  append_varint(out, bytes.size());
  out += bytes;
}

std::uint64_t take_varint(std::string_view& from) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(from.front());
    from.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  throw std::runtime_error("a damaged message in Protobuf");
}

std::string_view take_bytes(std::string_view& from, std::uint64_t size) {
  if (size > from.size()) throw std::runtime_error("a message in Protobuf that ends too early");
  const auto taken = from.substr(0, size);
  from.remove_prefix(size);
  return taken;
}

struct field {
  std::uint32_t number = 0;
  std::uint64_t value = 0; ///< of a number
  std::string_view bytes;  ///< of a text or message
};

field take_field(std::string_view& from) {
  const auto tag = take_varint(from);
  field out;
  out.number = static_cast<std::uint32_t>(tag >> 3);
  switch (tag & 7U) {
  case varint_type:
    out.value = take_varint(from);
    break;
  case fixed64_type:
    take_bytes(from, 8);
    break;
  case bytes_type:
    out.bytes = take_bytes(from, take_varint(from));
    break;
  case fixed32_type:
    take_bytes(from, 4);
    break;
  default:
    throw std::runtime_error("a damaged message in Protobuf");
  }
  return out;
}

std::optional<field> find(std::string_view message, std::uint32_t number) {
  while (!message.empty())
    if (const auto each = take_field(message); each.number == number) return each;
  return std::nullopt;
}

std::string command(std::uint64_t id, std::uint32_t field, std::string_view request) {
  std::string body;
  append_varint(body, command_id << 3 | varint_type);
  append_varint(body, id);
  append_bytes(body, field, request);
  std::string out;
  append_varint(out, body.size());
  return out + body;
}

answer kind_in_protobuf(std::string_view message) {
  while (!message.empty()) {
    const auto each = take_field(message);
    switch (each.number) {
    case reply_error:
      return answer::refused;
    case reply_push:
      return find(each.bytes, push_pub) ? answer::publication : answer::other;
    case reply_connect:
      return answer::connected;
    case reply_subscribe:
      return answer::subscribed;
    case reply_publish:
      return answer::published;
    default:
      break;
    }
  }
  return answer::other;
}

} // namespace

std::string dialect::connect(std::string_view token) const {
  if (protobuf_) {
    std::string request;
    if (!token.empty()) append_bytes(request, connect_token, token);
    return command(1, command_connect, request);
  }
  if (token.empty()) return R"({"id":1,"connect":{}})";
  return R"({"id":1,"connect":{"token":")" + std::string(token) + R"("}})";
}

std::string dialect::subscribe(std::string_view channel) const {
  if (!protobuf_) return R"({"id":2,"subscribe":{"channel":")" + std::string(channel) + R"("}})";
  std::string request;
  append_bytes(request, subscribe_channel, channel);
  return command(2, command_subscribe, request);
}

std::string dialect::publish(std::uint64_t id, std::string_view channel, std::string_view data) const {
  if (protobuf_) {
    std::string request;
    append_bytes(request, publish_channel, channel);
    append_bytes(request, publish_data, data);
    return command(id, command_publish, request);
  }
  std::string out = R"({"id":)" + std::to_string(id) + R"(,"publish":{"channel":")";
  return out.append(channel).append(R"(","data":)").append(data).append("}}");
}

std::string dialect::id(std::uint64_t number) const {
  if (!protobuf_) return std::to_string(number);
  std::string out;
  append_varint(out, number);
  return out;
}

void dialect::join(std::string& commands, std::string_view command) const {
  if (!protobuf_ && !commands.empty()) commands += '\n';
  commands += command;
}

answer dialect::kind(std::string_view message) const {
  if (protobuf_) return kind_in_protobuf(message);
  const auto holds = [&](std::string_view word) { return message.find(word) != std::string_view::npos; };
  if (holds(R"("pub":{)")) return answer::publication;
  if (holds(R"("error":)")) return answer::refused;
  if (holds(R"("connect":)")) return answer::connected;
  if (holds(R"("subscribe":)")) return answer::subscribed;
  if (holds(R"("publish":)")) return answer::published;
  return answer::other;
}

std::optional<std::uint64_t> dialect::offset(std::string_view message) const {
  if (protobuf_) {
    const auto push = find(message, reply_push);
    const auto publication = push ? find(push->bytes, push_pub) : std::nullopt;
    const auto found = publication ? find(publication->bytes, publication_offset) : std::nullopt;
    return found ? std::optional(found->value) : std::nullopt;
  }
  constexpr std::string_view mark = R"("offset":)";
  const auto at = message.rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto digits = message.substr(at + mark.size());
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{})
    throw std::runtime_error("a damaged publication: " + std::string(message));
  return value;
}

std::string_view dialect::take_delimited(std::string_view& from) {
  return take_bytes(from, take_varint(from));
}

} // namespace plexus::bench
