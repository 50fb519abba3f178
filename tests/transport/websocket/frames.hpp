#pragma once
// A client's frames, and what a reader makes of them, however they are cut.

#include "transport/websocket/frame.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace plexus::transport::websocket::testing {

/// Writes down what it gets, one line each; stops where the line begins with `stop_at`.
struct recorder : frame_sink {
  std::vector<std::string> lines;
  std::string stop_at = "never";

  bool note(std::string line) {
    lines.push_back(std::move(line));
    return !lines.back().starts_with(stop_at);
  }
  static std::string number(close_status code) { return std::to_string(static_cast<int>(code)); }

  bool on_message(opcode kind, protocol::padded_text message) override {
    const char* end = message.view().data() + message.size();
    CHECK(std::all_of(end, end + protocol::padded_text::padding, [](char c) { return c == '\0'; }));
    return note((kind == opcode::text     ? "text "
                 : kind == opcode::binary ? "binary "
                                          : "?? ") +
                std::string(message.view()));
  }
  bool on_ping(std::string_view payload) override { return note("ping " + std::string(payload)); }
  bool on_pong(std::string_view payload) override { return note("pong " + std::string(payload)); }
  bool on_close(close_status code, std::string_view reason) override {
    return note("close " + number(code) + " " + std::string(reason));
  }
  void on_fault(close_status code, std::string_view why) override {
    CHECK_FALSE(why.empty());
    note("fault " + number(code));
  }
};

using lines = std::vector<std::string>;

constexpr unsigned fin = 0x80;
inline unsigned key_of_test = 0xA1B2C3D4;

/// A client's frame: first byte, payload; `length_bytes` (0, 2, 8) other than the shortest may be asked for.
inline std::string frame(unsigned first, std::string_view payload, int length_bytes = -1) {
  const std::size_t size = payload.size();
  if (length_bytes < 0) length_bytes = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
  std::string out;
  out += static_cast<char>(first);
  out += static_cast<char>(0x80U | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i));
  std::string key;
  for (int i = 0; i < 4; ++i) key += static_cast<char>(key_of_test >> (8 * i));
  key_of_test = key_of_test * 1'664'525U + 1'013'904'223U;
  out += key;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(payload[i] ^ key[i % 4]);
  return out;
}

inline void feed(frame_reader& reader, std::string bytes, frame_sink& sink) {
  reader.feed(bytes, sink);
}

/// All at once, byte by byte, and cut in two at every place: must be the same.
inline lines read(const std::string& stream, std::size_t max_message = 1'000'000) {
  recorder whole;
  frame_reader reader(max_message);
  feed(reader, stream, whole);

  recorder single;
  frame_reader slow(max_message);
  for (const char byte : stream) feed(slow, std::string(1, byte), single);
  CHECK(single.lines == whole.lines);
  CHECK(slow.held() == reader.held());

  for (std::size_t cut = 0; cut <= stream.size() && stream.size() < 2000; ++cut) {
    recorder halves;
    frame_reader two(max_message);
    feed(two, stream.substr(0, cut), halves);
    feed(two, stream.substr(cut), halves);
    if (halves.lines != whole.lines) {
      CAPTURE(cut);
      CHECK(halves.lines == whole.lines);
    }
  }
  return whole.lines;
}

inline const lines fault_1002{"fault 1002"};
inline const lines fault_1007{"fault 1007"};
inline const lines fault_1009{"fault 1009"};

inline std::string close_payload(unsigned code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8U), static_cast<char>(code)} + std::string(reason);
}

} // namespace plexus::transport::websocket::testing
