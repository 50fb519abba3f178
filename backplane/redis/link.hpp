#pragma once
// One connection to a Redis (or a Sentinel): opens it (name, TCP, TLS, AUTH, SELECT), sends commands in order,
// hands on their answers in order, and ends at the first doubt. It decides nothing else. hiredis formats and
// parses, Asio does the I/O on the loop.
//
// On its loop's thread only. Owner: the partition, which may drop it at any time, also from inside a callback:
// `close` first, then nothing is called any more.

#include "actors/runtime/loop.hpp"
#include "backplane/redis/address.hpp"
#include "backplane/redis/reply.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::backplane::redis {

/// Certificates and keys for TLS, as files; all may be empty.
struct tls_settings {
  std::string ca, certificate, key;
  std::string server_name; ///< to be sent and verified; empty: the host's name
};

/// Made once, shared by all links; null without TLS. Throws std::runtime_error with a sentence for a bad file.
class tls_context;
std::shared_ptr<tls_context> make_tls_context(const tls_settings& from);

class link : public std::enable_shared_from_this<link> {
public:
  struct target {
    endpoint where;
    credentials login;
    unsigned db = 0;
    std::shared_ptr<tls_context> tls;
    std::string server_name;
  };
  using on_reply = std::function<void(const answer_ptr&)>;
  using clock = std::chrono::steady_clock;

  link(runtime::loop& home, target to);
  ~link();
  link(const link&) = delete;
  link& operator=(const link&) = delete;

  /// `opened` when commands may be sent; `broken` once, with a reason, when it can't be or it ended.
  void open(std::function<void()> opened, std::function<void(const std::string&)> broken);
  /// In the order of the calls. After `open` only.
  void send(const std::vector<std::string_view>& words, on_reply then);
  void close();

  /// When the command was sent whose answer has been awaited longest; nothing: none is.
  [[nodiscard]] std::optional<clock::time_point> waiting_since() const;
  /// The same, or when something came last if that is later: an answer that takes long is none that won't come.
  [[nodiscard]] std::optional<clock::time_point> silent_since() const;
  [[nodiscard]] const endpoint& where() const;

private:
  struct io;
  std::unique_ptr<io> io_;
};

} // namespace plexus::backplane::redis
