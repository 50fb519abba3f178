#pragma once
// The commands of a load, and what it needs to know of the answers, in JSON or in Protobuf.

#include "load/wire.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plexus::bench {

/// What a message of the server is; `other` for all that no phase waits for.
enum class answer : std::uint8_t { other, connected, subscribed, published, publication, refused };

/// A command's bytes are what stands in a frame; several may share one: `join`.
class dialect {
public:
  explicit dialect(bool protobuf) noexcept : protobuf_(protobuf) {}

  [[nodiscard]] std::uint8_t opcode() const noexcept { return protobuf_ ? op_binary : op_text; }
  /// What to offer as the subprotocol; empty: nothing.
  [[nodiscard]] std::string_view subprotocol() const noexcept { return protobuf_ ? "centrifuge-protobuf" : ""; }
  /// A server's ping and a client's answer.
  [[nodiscard]] std::string_view ping() const noexcept {
    return protobuf_ ? std::string_view("\0", 1) : std::string_view("{}");
  }

  /// With id 1; an empty token is left out.
  [[nodiscard]] std::string connect(std::string_view token) const;
  /// With id 2.
  [[nodiscard]] std::string subscribe(std::string_view channel) const;
  /// `data` is a JSON text in both.
  [[nodiscard]] std::string publish(std::uint64_t id, std::string_view channel, std::string_view data) const;
  /// An id as it stands in a command; of one length from 1,000,000,000 to 4,000,000,000.
  [[nodiscard]] std::string id(std::uint64_t number) const;
  void join(std::string& commands, std::string_view command) const;

  /// Calls `take` with each message of a frame's payload.
  template <class Take>
  void each(std::string_view payload, const Take& take) const {
    while (!payload.empty()) {
      if (protobuf_) {
        take(take_delimited(payload));
      } else {
        const auto line = payload.substr(0, payload.find('\n'));
        payload.remove_prefix(std::min(payload.size(), line.size() + 1));
        take(line);
      }
    }
  }
  [[nodiscard]] answer kind(std::string_view message) const;
  /// Of a publication; nothing without history.
  [[nodiscard]] std::optional<std::uint64_t> offset(std::string_view message) const;

private:
  /// Takes a length and as many bytes off the front. Throws std::runtime_error when they aren't all there.
  static std::string_view take_delimited(std::string_view& from);
  bool protobuf_;
};

} // namespace plexus::bench
