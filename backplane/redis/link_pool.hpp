#pragma once
// One connection to each server for the commands of all partitions there. What partitions send in one turn of the
// loop goes out in one write and is answered in one; a connection for each partition would cost Redis two system
// calls for each partition's batch, about as much as a small batch itself.
//
// A partition has a lane: it looks like a connection of its own. Closing a lane only turns a deaf ear to what is
// still to come; whatever was sent before is done before the next `hello`, which fences it. A connection that does
// not answer is broken for all.
//
// WAIT holds up everything behind it on the connection. So there is one at a time for each server, for all who ask
// until it is sent, and which server's replica hangs is known here, for all partitions.
//
// On the loop's thread only. Owner: the backplane and the lanes.

#include "backplane/redis/link.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace plexus::backplane::redis {

class link_pool;

/// How long a replica is given. One that didn't answer in its time gets only a glance now and then for a while;
/// between two of them the answer is no at once.
struct replica_patience {
  std::chrono::milliseconds wait, glance, pause, distrust;
};

class lane : public std::enable_shared_from_this<lane> {
public:
  lane(std::shared_ptr<link_pool> of, endpoint where);
  ~lane();
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  using on_loaded = std::function<void(const std::vector<std::string>& hashes, const std::string& why)>;

  /// As those of `link`.
  void open(std::function<void()> opened, std::function<void(const std::string&)> broken);
  void send(const std::vector<std::string_view>& words, link::on_reply then);
  /// Has the server know these scripts: their hashes, or none and why not. Sent once for all lanes of a connection;
  /// `again`: the server has forgotten them.
  void load(const std::vector<std::string_view>& scripts, bool again, on_loaded then);
  /// Whether a replica has all that this lane has been answered for so far.
  void await_replica(const replica_patience& with, std::function<void(bool)> then);
  void close();
  [[nodiscard]] std::optional<link::clock::time_point> waiting_since() const;
  [[nodiscard]] std::optional<link::clock::time_point> silent_since() const;
  [[nodiscard]] const endpoint& where() const { return where_; }

private:
  friend class link_pool;
  void up();
  void broke(const std::string& why);

  std::shared_ptr<link_pool> pool_;
  endpoint where_;
  std::shared_ptr<link> wire_;
  std::function<void()> opened_;
  std::function<void(const std::string&)> broken_;
  std::deque<link::clock::time_point> sent_;
  bool closed_ = false;
};

class link_pool : public std::enable_shared_from_this<link_pool> {
public:
  /// `usual` without the endpoint. One that leaves something unanswered for `patience` is closed with the first
  /// lane that is given up.
  link_pool(runtime::loop& home, link::target usual, std::chrono::milliseconds patience);

  [[nodiscard]] std::shared_ptr<lane> to(const endpoint& where);
  /// Whether `what` is worth a line of the log: not when another partition has said it within the last second.
  [[nodiscard]] bool news(const std::string& what);
  /// Connections there are.
  [[nodiscard]] std::size_t size() const { return wires_.size(); }

private:
  friend class lane;
  struct wire {
    std::shared_ptr<link> line;
    bool up = false;
    link::clock::time_point begun;
    std::vector<lane*> users;
    std::vector<std::string> hashes;                ///< of the scripts that the server has
    std::vector<lane::on_loaded> to_load;           ///< who waits for them
    std::vector<std::function<void(bool)>> to_wait; ///< for a replica, with the next WAIT
    bool waits = false;                             ///< one is under way
    link::clock::time_point waited;                 ///< when the last one ended
  };
  void join(lane& who);
  void leave(lane& who);
  void wait(const endpoint& at, const replica_patience& with);
  bool waited(const endpoint& at, const std::shared_ptr<link>& line, const replica_patience& with, bool in_time);
  void load(const endpoint& at, const std::vector<std::string_view>& scripts);
  void loaded(const endpoint& at, const std::shared_ptr<link>& line, const std::vector<std::string>& hashes,
              const std::string& why);
  void opened(const endpoint& at, const std::shared_ptr<link>& line);
  void broken(const endpoint& at, const std::shared_ptr<link>& line, const std::string& why);

  runtime::loop& home_;
  link::target usual_;
  std::chrono::milliseconds patience_;
  std::map<std::string, wire> wires_;
  std::map<std::string, link::clock::time_point> distrusted_until_; ///< by server
  std::map<std::string, link::clock::time_point> said_;
};

} // namespace plexus::backplane::redis
