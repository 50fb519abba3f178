#pragma once
// Who calls the scripts straight over a Redis connection, and may say what it likes.

#include "backplane/redis/scripts.hpp"
#include "backplane/redis/step.hpp"
#include "backplane/redis/wire.hpp"
#include "tests/backplane/redis/server.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::backplane::redis::testing {

/// A caller that says what it likes.
struct caller {
  explicit caller(server& with) : redis(with) {}
  server& redis;
  std::string uid = "caller", generation, inbox, connection = "0", lease = "10000";
  int batches = 0, hellos = 0;
  long long now = 0;
  std::string room = "1000000";

  std::string hello(const std::string& new_inbox = {}) {
    connection = std::to_string(++hellos);
    const auto fresh = new_inbox.empty() ? "inbox" + uid.substr(0, 4) + std::to_string(100 + hellos) : new_inbox;
    const auto said =
        redis.ask({"EVAL", std::string(scripts::hello), "1", prefix + "gate", prefix, uid, connection, generation,
                   inbox, fresh, "GEN" + uid + std::to_string(hellos), lease, "1", "n", "100000"});
    auto word = [rest = said]() mutable {
      const auto out = rest.substr(0, rest.find(' '));
      rest.erase(0, out.size() + 1);
      return out;
    };
    if (word() != "OK") return said;
    generation = word();
    inbox = word();
    now = redis.number({"TIME"}) * 1000;
    return said;
  }
  [[nodiscard]] std::string who_calls() const {
    std::string out;
    add_ended(out, prefix, uid, connection, generation, inbox);
    return out;
  }
  std::string batch(std::vector<std::string> steps, int number = 0, bool needs_inbox = true, long long deadline = 0,
                    std::string_view script = scripts::batch) {
    if (number == 0) number = ++batches;
    std::vector<std::string> words{"EVAL", std::string(script), "1", prefix + "gate", who_calls()};
    add_ended(words.emplace_back(), std::to_string(number), std::to_string(deadline ? deadline : now + 60'000),
              "NONCE" + std::to_string(number), "60000", "1000", "1000", needs_inbox ? "1" : "0", "1", room);
    words.insert(words.end(), steps.begin(), steps.end());
    return redis.ask(words);
  }
  /// The names of inboxes that are gone, as far as it is told of them.
  std::string renew(const std::string& gap) {
    const auto said = redis.ask(
        {"EVAL", std::string(scripts::renew), "1", prefix + "gate", who_calls(), lease, "1-0", "100000", gap});
    REQUIRE(said.substr(0, 3) == "OK ");
    std::istringstream words(said);
    std::string out, each;
    for (int i = 0; words >> each; ++i)
      if (i >= 3) out += each;
    return out;
  }
  std::string append(const std::string& channel, const std::string& data, int number = 0) {
    return batch({"A", channel, "100 60000", data}, number, false);
  }
  /// The same steps by the script for appends: "sequence offset; " of each, or what stands instead of its epoch.
  std::string appends(const std::vector<std::string>& steps, int number = 0, long long deadline = 0) {
    const auto said = batch(steps, number, false, deadline, scripts::append);
    if (said.substr(0, 9) != "APPENDED ") return said;
    const auto packed = said.substr(said.find(' ', said.find(' ') + 1) + 2);
    std::string out;
    for (const auto& each : unpack_answers(packed)) {
      if (each.sequence == 0)
        out += std::string(each.epoch) + "; ";
      else
        out += std::to_string(each.sequence) + " " + std::to_string(each.offset) + "; ";
    }
    return out;
  }
};

inline std::string epoch_of_c(server& redis) {
  const auto whole = redis.ask(
      {"EVAL", "return ({struct.unpack('<I6I6I6I6I6I6ss', redis.call('GET', KEYS[1]))})[7]", "1", prefix + "c:c"});
  return whole.substr(0, whole.rfind('.'));
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace plexus::backplane::redis::testing
