// A node's clients doing anything in any order, disconnects and passing time included: counts match, offsets have
// no holes, and nothing is left when all have gone. Input: one operation after another, a few bytes each.

#include "tests/fuzz/input.hpp"
#include "tests/instructions/fixed.hpp"
#include "tests/instructions/stage.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <optional>
#include <set>

using namespace std::chrono_literals;

namespace {

using namespace instruction_scenario;
using nlohmann::json;
using plexus::fuzz::require;

constexpr std::array channels{"log:a", "log:b", "plain", "grace:a", "nowhere:a"};
constexpr std::size_t most_sessions = 12;
constexpr int most_operations = 200;

config::settings settings() {
  config::settings all;
  all.client.insecure = true;
  all.client.max_channels = 3;
  config::channel_options log;
  log.history_size = 20;
  log.history_ttl = 60s;
  log.presence = true;
  log.join_leave = config::offer::always;
  log.max_subscribers = 4;
  all.namespaces["log"] = log;
  auto grace = log;
  grace.presence_grace = 2s;
  grace.join_leave = config::offer::asked;
  grace.recover = config::offer::asked;
  all.namespaces["grace"] = grace;
  return all;
}

class world {
public:
  world() : node_(settings()) {
    node_.heard = [this](const session& who, std::string_view text) { hear(who, json::parse(text)); };
  }

  void run(plexus::fuzz::input& in) {
    for (int i = 0; i < most_operations && !in.empty(); ++i) {
      step(in);
      if ((in.byte() & 3U) != 0) node_.turn(); // else in the same turn as the next
    }
    settle();
    check_presence("log:a");
    check_presence("log:b");
    for (auto* one : sessions_) one->lose(false);
    settle();
    pass(plexus::channel::channel_table::linger + 3s); // the grace is over too
    settle();
    pass(plexus::channel::channel_table::linger + 1s);
    settle();
    require(node_.clients() == 0, "a client that is gone is still known");
    require(node_.table.channels() == 0, "somebody who is gone is still to be written to");
    require(node_.channels() == 0, "a channel that nobody uses did not end");
    require(node_.got.others == 0, "a message that isn't of the protocol");
  }

private:
  void settle() {
    for (int i = 0; i < 3; ++i) node_.turn();
  }

  session* any(plexus::fuzz::input& in) {
    if (sessions_.empty()) return nullptr;
    auto* one = sessions_[in.byte() % sessions_.size()];
    return one->lost ? nullptr : one;
  }

  void say(session* who, const std::string& name, json arguments) {
    const auto id = ++last_id_;
    if (name == "subscribe" || name == "unsubscribe") asked_[id] = arguments["channel"];
    who->feed(frame(opcode::text, json{{"id", id}, {name, std::move(arguments)}}.dump()));
  }

  session* come() {
    auto* one = sessions_.emplace_back(&node_.open());
    say(one, "connect", {{"name", "fuzz"}});
    return one;
  }

  void step(plexus::fuzz::input& in) {
    const auto what = in.byte() % 14;
    if (what < 2) {
      if (sessions_.size() < most_sessions) come();
      return;
    }
    auto* who = any(in);
    if (!who) return;
    const std::string channel = channels[in.byte() % channels.size()];
    switch (what) {
    case 2:
    case 3: {
      json asked{{"channel", channel}};
      const auto flags = in.byte();
      if ((flags & 1U) != 0) {
        const auto& epoch = epochs_[channel];
        asked.update({{"recover", true}, {"epoch", epoch}, {"offset", flags >> 3U}});
      }
      if ((flags & 2U) != 0) asked.update({{"positioned", true}, {"recoverable", true}});
      if ((flags & 4U) != 0) asked["join_leave"] = true;
      say(who, "subscribe", std::move(asked));
      break;
    }
    case 4:
      for (unsigned i = in.byte() % 30; i > 0; --i) say(who, "publish", {{"channel", channel}, {"data", i}});
      say(who, "publish", {{"channel", channel}, {"data", "last"}});
      break;
    case 5:
      say(who, "unsubscribe", {{"channel", channel}});
      break;
    case 6:
      say(who, "history", {{"channel", channel}, {"limit", in.byte()}, {"reverse", in.byte() % 2 == 0}});
      break;
    case 7:
      say(who, "presence", {{"channel", channel}});
      break;
    case 8:
      who->feed(frame(opcode::ping, "p"));
      who->feed(frame(opcode::text, "{}")); // the pong of the protocol
      break;
    case 9:
      who->feed(frame(opcode::close, std::string_view("\x03\xe8", 2)));
      break;
    case 10:
      who->lose(in.byte() % 2 == 0);
      break;
    case 11:
      node_.turn();
      pass(std::chrono::milliseconds(in.byte() * 100));
      node_.turn();
      break;
    case 12:
      say(who, "connect", json::object()); // once too often: close 3501
      break;
    default:
      say(who, "rpc",
          {{"method", "plexus.presence.update"}, {"data", {{"channel", channel}, {"state", in.byte()}}}});
    }
  }

  /// Who is written to and who is present are two books of one thing.
  void check_presence(const std::string& channel) {
    auto* observer = come();
    settle();
    say(observer, "presence_stats", {{"channel", channel}});
    settle();
    const auto reply = json::parse(observer->last_reply);
    const auto members = node_.table.members_of(channel).size();
    const auto present = reply.contains("presence_stats") ? reply["presence_stats"].value("num_clients", 0U) : 0U;
    require(present == members, "there are as many members as subscribers");
  }

  void hear(const session& who, const json& message) {
    const auto place = [&](const std::string& channel) { return std::pair(who.number(), channel); };
    if (message.contains("id")) {
      const auto asked = asked_.find(message["id"]);
      if (asked == asked_.end()) return;
      if (message.contains("unsubscribe")) last_.erase(place(asked->second));
      if (message.contains("subscribe")) subscribed(place(asked->second), message["subscribe"]);
    } else if (message.contains("push") && message["push"].contains("pub")) {
      const auto found = last_.find(place(message["push"].value("channel", "")));
      require(found != last_.end(), "a publication of a channel that isn't subscribed to");
      follow(found->second, message["push"]["pub"]);
    }
  }

  void subscribed(const std::pair<std::size_t, std::string>& place, const json& reply) {
    auto& last = last_[place];
    last.reset();
    if (reply.value("positioned", false)) last = reply.value("offset", std::uint64_t{0});
    epochs_[place.second] = reply.value("epoch", "");
    for (const auto& p : reply.value("publications", json::array())) follow(last, p);
  }

  static void follow(std::optional<std::uint64_t>& last, const json& publication) {
    const auto offset = publication.value("offset", std::uint64_t{0});
    if (offset == 0) return; // no history
    require(!last || offset == *last + 1, "offsets rise by one");
    last = offset;
  }

  stage node_;
  std::vector<session*> sessions_;
  int last_id_ = 0;
  std::map<int, std::string> asked_; ///< subscribes and unsubscribes by id
  /// Offset that a subscriber has; who didn't ask for positions begins with its first publication.
  std::map<std::pair<std::size_t, std::string>, std::optional<std::uint64_t>> last_;
  std::map<std::string, std::string> epochs_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plexus::fuzz::input in(data, size);
  require(fix(), "time and randomness could not be fixed");
  {
    world all;
    all.run(in);
  }
  unfix();
  return 0;
}
