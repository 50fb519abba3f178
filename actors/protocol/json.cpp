#include "actors/protocol/json.hpp"

#include "actors/protocol/json_bytes.hpp"
#include "actors/protocol/json_reader.hpp"

#include <openssl/evp.h>
#include <simdjson.h>

namespace plexus::protocol::json {

namespace {

void append_escaped(std::string& out, char c) {
  static constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
  case '"':
    out += "\\\"";
    break;
  case '\\':
    out += "\\\\";
    break;
  case '\b':
    out += "\\b";
    break;
  case '\f':
    out += "\\f";
    break;
  case '\n':
    out += "\\n";
    break;
  case '\r':
    out += "\\r";
    break;
  case '\t':
    out += "\\t";
    break;
  default:
    out += "\\u00";
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
}

} // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    const char* const special = find_special(at, end);
    out.append(at, special);
    if (special == end) break;
    append_escaped(out, *special);
    at = special + 1;
  }
  out += '"';
}

bool valid(std::string_view text) {
  reader in(text);
  return in.skip() && in.finish();
}

void append_one_line(std::string& out, std::string_view value) {
  if (value.find('\n') == std::string_view::npos && value.find('\r') == std::string_view::npos) {
    out += value;
    return;
  }
  const auto begin = out.size();
  // It writes in whole blocks, up to one past the text.
  constexpr std::size_t block = 64;
  out.resize(begin + value.size() + block);
  std::size_t length = 0;
  if (simdjson::minify(value.data(), value.size(), out.data() + begin, length) != simdjson::SUCCESS) length = 0;
  out.resize(begin + length);
  // Only text that isn't JSON comes here; what is written must be, or it would spoil the message around it.
  if (length == 0) out += "null";
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::size_t piece = 3 << 20; // OpenSSL counts in int; whole groups of three need no padding between
  out += '"';
  while (!bytes.empty()) {
    const auto now = bytes.substr(0, piece);
    bytes.remove_prefix(now.size());
    const auto begin = out.size();
    const auto size = (now.size() + 2) / 3 * 4;
    out.resize(begin + size + 1); // it ends its text with a zero
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin),
                    reinterpret_cast<const unsigned char*>(now.data()), static_cast<int>(now.size()));
    out.resize(begin + size);
  }
  out += '"';
}

} // namespace plexus::protocol::json
