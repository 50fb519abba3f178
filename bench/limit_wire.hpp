#pragma once
// What `kernel_limit` says: a server's frames and handshake, and the file that tells its port.

#include "load/wire.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

namespace plexus::bench {

/// A text frame's header for `size` bytes, below 64 kB.
inline void append_header(std::string& out, std::size_t size) {
  out.push_back(static_cast<char>(0x80U | op_text));
  if (size < 126) {
    out.push_back(static_cast<char>(size));
    return;
  }
  out.push_back(126);
  out.push_back(static_cast<char>(size >> 8));
  out.push_back(static_cast<char>(size & 0xFFU));
}

inline void append_text(std::string& out, std::string_view text) {
  append_header(out, text.size());
  out += text;
}

/// Sec-WebSocket-Accept for a key.
inline std::string accept_of(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), hash, &size, EVP_sha1(), nullptr);
  unsigned char encoded[64];
  const int length = EVP_EncodeBlock(encoded, hash, static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(length)};
}

/// Whole once it is there.
inline void write_ready_file(const std::string& path, std::uint16_t port) {
  const auto partial = path + ".part";
  auto* file = std::fopen(partial.c_str(), "w");
  if (file == nullptr) throw std::runtime_error("can't write " + partial);
  std::fprintf(file, "{\"pid\":%d,\"port\":%u}\n", static_cast<int>(::getpid()), static_cast<unsigned>(port));
  std::fclose(file);
  if (std::rename(partial.c_str(), path.c_str()) != 0) throw std::runtime_error("can't write " + path);
}

} // namespace plexus::bench
