// What clients do all day, once, on a node without sockets and threads. `check` counts the instructions of it; the
// program itself sees to it that the work was done: it fails unless exactly the right messages came out.

#include "tests/instructions/binary.hpp"
#include "tests/instructions/common.hpp"
#include "tests/instructions/fixed.hpp"
#include "tests/instructions/stage.hpp"

#include <cstdio>

namespace instruction_scenario {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t clients = 50;
constexpr std::size_t returning = 10;     // of them lose their connection and come back
constexpr std::size_t publications = 300; // two of three in log:room
constexpr std::size_t in_log = publications / 3 * 2;
constexpr std::size_t missed = 100;
constexpr std::size_t publications_a_turn = 10;
constexpr std::size_t page = 50;

// All bytes that the clients get. Other bytes on the wire for the same work mean another figure here: see whether
// they are meant to be other.
constexpr std::size_t expected_bytes = 5'156'060;

std::string text(const std::string& json) {
  return frame(opcode::text, json);
}

/// A command's frame. `arguments` is the inside of its object.
std::string command(int id, const std::string& name, const std::string& arguments) {
  return text("{\"id\":" + std::to_string(id) + ",\"" + name + "\":{" + arguments + "}}");
}

const std::string log = R"("channel":"log:room")";
const std::string plain = R"("channel":"plain")";

std::string publish(const std::string& channel, std::size_t number) {
  return command(static_cast<int>(1000 + number), "publish", channel + R"(,"data":)" + data(number));
}

/// The value of a text member.
std::string member(std::string_view name, std::string_view in) {
  auto key = '"' + std::string(name) + "\":\"";
  auto at = in.find(key);
  require(at != std::string_view::npos, "a reply lacks a member");
  in.remove_prefix(at + key.size());
  return std::string(in.substr(0, in.find('"')));
}

class scenario {
public:
  scenario() : node_(settings()) {
    for (std::size_t i = 0; i < clients; ++i)
      connects_.push_back(command(1, "connect", R"("name":"js","token":")" + token_of(i) + '"'));
  }

  void run() {
    for (std::size_t i = 0; i < clients; ++i) come(i, "");
    for (std::size_t i = 0; i < publications; ++i)
      say(sessions_[0], publish(i % 3 == 2 ? plain : log, i), i % publications_a_turn == 0);
    node_.turn();
    // The last turn began with a publication in `plain`, so what it had for `log:room` comes behind.
    require(sessions_.back()->last_publication.find(data(publications - 2)) != std::string::npos,
            "the last publication did not reach everyone");
    read();
    come_back();
    ping();
    leave();
  }

  /// Whether all of it was done.
  void judge() {
    constexpr auto sessions = clients + returning;
    tally expected;
    expected.replies = sessions * 3 + publications + missed + clients * 6;
    expected.publications = publications * clients + missed * (clients - returning);
    // Who comes hears of itself, who goes doesn't.
    expected.joins = up_to(clients) + up_to(clients) - up_to(clients - returning);
    expected.leaves = up_to(clients - 1) - up_to(clients - returning - 1) + up_to(clients - 1);
    expected.pings = expected.pongs = clients;
    expected.closes = clients / 2;
    expected.bytes = expected_bytes;
    node_.got.require(expected);
  }

private:
  /// A turn first, if asked for.
  void say(session* who, const std::string& bytes, bool turn_before) {
    if (turn_before) node_.turn();
    who->feed(bytes);
  }
  void ask(session* who, const std::string& bytes) {
    say(who, bytes, false);
    node_.turn();
  }

  /// Connects a user and subscribes it twice.
  void come(std::size_t user, const std::string& since) {
    auto* who = &node_.open();
    sessions_.push_back(who);
    // The reads of a socket end anywhere.
    const auto& connect = connects_[user];
    const auto cut = user * 7 % connect.size();
    who->feed(std::string_view(connect).substr(0, cut));
    who->feed(std::string_view(connect).substr(cut));
    node_.turn();
    require(member("client", who->last_reply).size() == 36, "a client did not connect");
    ask(who, command(2, "subscribe", log + since));
    if (!since.empty()) {
      require(count_of("\"data\":", who->last_reply) == missed, "not all that was missed was recovered");
      require(who->last_reply.find("\"recovered\":true") != std::string::npos, "a recovery failed");
    } else if (user == 0) {
      epoch_ = member("epoch", who->last_reply);
    }
    ask(who, command(3, "subscribe", plain));
  }

  void read() {
    for (auto* who : sessions_) {
      ask(who, command(4, "history",
                       log + ",\"limit\":" + std::to_string(page) + R"(,"since":{"offset":100,"epoch":")" + epoch_ +
                           "\"}"));
      require(count_of("\"data\":", who->last_reply) == page, "a page of the history is not full");
      ask(who, command(5, "history", log + R"(,"limit":20,"reverse":true)"));
      require(who->last_reply.find(data(publications - 2)) != std::string::npos,
              "the history lacks its last entry");
      ask(who, command(6, "presence", log));
      require(count_of("\"user\":", who->last_reply) == clients, "presence does not show everyone");
      ask(who, command(7, "presence_stats", log));
      ask(who, command(8, "publish", R"("channel":"nowhere:room","data":1)"));
      require(who->last_reply.find("\"code\":102") != std::string::npos, "an unknown channel was not refused");
    }
  }

  /// The last clients lose their connection, miss something and return for it.
  void come_back() {
    for (std::size_t i = 0; i < returning; ++i) {
      sessions_.back()->lose(false);
      sessions_.pop_back();
      node_.turn();
    }
    for (std::size_t i = 0; i < missed; ++i)
      say(sessions_[0], publish(log, publications + i), i % publications_a_turn == 0);
    node_.turn();
    for (auto i = clients - returning; i < clients; ++i)
      come(i, R"(,"recoverable":true,"recover":true,"offset":)" + std::to_string(in_log) + R"(,"epoch":")" +
                  epoch_ + '"');
  }

  void ping() {
    for (auto* who : sessions_) ask(who, frame(opcode::ping, "still there?"));
    pass(26s); // an interval, and all are due
    node_.turn();
    for (auto* who : sessions_) say(who, text("{}"), false);
    node_.turn();
    pass(9s); // beyond what a pong may take
    node_.turn();
    require(node_.clients() == clients, "a client that answered its ping was closed");
  }

  void leave() {
    for (auto* who : sessions_) ask(who, command(9, "unsubscribe", plain));
    for (std::size_t i = 0; i < clients; ++i) {
      if (i % 2 == 0)
        sessions_[i]->feed(frame(opcode::close, std::string_view("\x03\xe8", 2)));
      else
        sessions_[i]->lose(false);
      node_.turn();
    }
    pass(channel::channel_table::linger + 100ms);
    node_.turn();
    require(node_.channels() == 0, "a channel that nobody uses did not end");
    require(node_.clients() == 0, "a client that left is still known");
  }

  stage node_;
  std::vector<std::string> connects_; ///< frames
  std::vector<session*> sessions_;
  std::string epoch_; ///< of log:room
};

} // namespace

/// Instructions are counted inside of this function. The name is what `check` tells callgrind.
extern "C" [[gnu::noinline]] void plexus_counted_part(scenario* text, binary_scenario* binary) {
  text->run();
  binary->run();
}

} // namespace instruction_scenario

int main() {
  using namespace instruction_scenario;
  if (!fix()) {
    std::fputs("instruction_scenario: time and randomness could not be fixed\n", stderr);
    return EXIT_FAILURE;
  }
  return carry_out("instruction_scenario", [] {
    scenario text;
    binary_scenario binary;
    plexus_counted_part(&text, &binary);
    text.judge();
    binary.judge();
  });
}
