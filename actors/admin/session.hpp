#pragma once
// One admin client: who it is, what it has asked for, what it watches. On its socket's loop.

#include "actors/admin/attention.hpp"
#include "actors/admin/fwd.hpp"
#include "actors/admin/office.hpp"
#include "actors/admin/places.hpp"
#include "transport/message_socket.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace plexus::admin {

/// What the clients of a node share.
struct desk_room {
  const environment& env;
  office& asks;
  gate& door;
  places& seats; ///< the client has entered
};

class session final : public transport::socket_end {
public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds time_to_say_who{5};
  static constexpr std::size_t max_watches = 16;
  static constexpr std::size_t max_under_way = 32; ///< requests without an answer yet
  static constexpr std::chrono::seconds ping_every{25};
  static constexpr std::size_t longest_answer = 4 * 1024 * 1024; ///< bytes; a longer one is refused (106)
  static constexpr std::chrono::seconds pass_looked_at_every{1};

  session(transport::message_socket& socket, const desk_room& room);
  ~session() override;

  // transport::socket_end
  void on_message(std::string_view text) override;
  void on_timer() override;
  void on_gone() override;

private:
  struct watch {
    std::string method;
    std::shared_ptr<json> with;
    std::chrono::milliseconds interval{1000};
    clock::time_point due;
    bool asked = false;   ///< an answer is on its way
    std::size_t last = 0; ///< the hash of what was sent last
    std::string trace;    ///< the name of its trace
  };
  /// What it signed in with, looked at again while it is open.
  struct pass {
    std::string secret;   ///< or
    std::string user, id; ///< a token's
    std::optional<std::int64_t> issued_at, expires_at;
  };
  /// A message as text.
  struct written {
    std::string text;
    std::size_t hash = 0;
  };
  struct attempt {
    std::uint64_t id = 0;
    std::string secret, token;
    clock::time_point when;
  };

  void handle(std::uint64_t id, const std::string& method, const json& with);
  void ask_in(std::uint64_t id, const json& with);
  void judge(clock::time_point now);
  /// Why what it signed in with doesn't hold any more; null: it does.
  [[nodiscard]] const char* over(bool in_use) const;
  void begin_watch(std::uint64_t id, const json& with);
  void end_watch(std::uint64_t id, const json& with);
  void tick(std::uint64_t id, watch& w, clock::time_point now);
  void look(std::uint64_t id, watch& w);
  void show(std::uint64_t id, json answer);
  void send_news(std::uint64_t id, written what);
  /// Writes it aside, then calls `then` with the text if this is still there.
  void write(json what, std::function<void(session&, written)> then);
  void stop(watch& w);
  void answer(std::uint64_t id, json what);
  /// `key`: "id" or "watch", whichever says what this is about.
  void say(std::string text, const char* key, std::uint64_t id);
  void refuse(std::uint64_t id, protocol::error_code code, std::string message = {});
  void leave(std::uint16_t code, std::string_view why);
  void rearm();

  transport::message_socket& socket_;
  desk_room room_;
  config::ip_address address_;
  std::shared_ptr<session*> alive_; ///< answers that come later look here
  caller who_;
  pass pass_;
  clock::time_point begun_, pass_at_ = clock::time_point::max();
  std::optional<attempt> attempt_;
  std::map<std::uint64_t, watch> watches_;
  std::size_t under_way_ = 0;
  clock::time_point ping_at_;
  attention attention_;
  clock::time_point look_at_ = clock::time_point::max(); ///< when to see whether what was sent is read
  bool signed_in_ = false;
  bool gone_ = false;
};

} // namespace plexus::admin
