// What two nodes with channels in common make Redis do, once: batches of one and of 64 publications, recoveries,
// members that come and go. One thread, and a Redis whose port is the argument; `check` counts both sides.

#include "backplane/redis/redis_backplane.hpp"
#include "tests/instructions/common.hpp"

#include <memory>
#include <string>
#include <vector>

namespace instruction_scenario {

using namespace plexus;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t channels = 100, rounds = 40, a_batch = 64, alone = 100, recoveries = 50, missed = 20,
                      members = 50;

struct counting final : backplane::listener {
  void published(const std::string&, protocol::publication_ptr) override { ++heard; }
  void presence_changed(const std::string&, const backplane::presence_change&) override { ++changes; }
  void in_doubt(const std::string&) override { ++doubts; }
  void presence_in_doubt(const std::string&) override { ++doubts; }
  std::size_t heard = 0, changes = 0, doubts = 0;
};

std::string name(std::size_t i) {
  return "log:" + std::to_string(i % channels);
}

class redis_scenario {
public:
  explicit redis_scenario(const std::string& port) {
    backplane::redis::options with;
    with.where = std::get<backplane::redis::address>(backplane::redis::parse_address("redis://127.0.0.1:" + port));
    for (auto* each : {&first_, &second_}) {
      auto& home = loops_.at(0);
      each->plane = std::make_unique<backplane::redis::redis_backplane>(
          home, with, each->news, [&home](std::string_view, auto task) { home.defer(std::move(task)); });
      bool is_up = false;
      each->plane->start([&](const backplane::redis::start_result& how) {
        require(how.fault.empty(), how.fault.c_str());
        is_up = true;
      });
      until([&] { return is_up; });
      std::size_t left = channels;
      for (std::size_t i = 0; i < channels; ++i)
        each->plane->subscribe(name(i), keep, [&](const auto& how) {
          require(how.ok(), "a channel could not be subscribed to");
          --left;
        });
      until([&] { return left == 0; });
    }
  }
  ~redis_scenario() {
    for (auto* each : {&first_, &second_}) {
      bool is_gone = false;
      each->plane->farewell([&] { is_gone = true; });
      until([&] { return is_gone; });
      each->plane.reset();
    }
  }

  void run() {
    for (std::size_t i = 0; i < rounds; ++i) publish(a_batch);
    for (std::size_t i = 0; i < alone; ++i) publish(1);
    recover();
    for (const bool comes : {true, false})
      for (std::size_t i = 0; i < members; ++i) member(i, comes);
  }

  void judge() const {
    constexpr auto published = rounds * a_batch + alone;
    require(second_.news.heard == published, "another number of publications was heard");
    require(second_.news.changes == 2 * members, "another number of changes of members was heard");
    require(first_.news.heard == 0 && first_.news.changes == 0, "a node was told what it did itself");
    require(first_.news.doubts == 0 && second_.news.doubts == 0, "a node was in doubt about a channel");
  }

private:
  struct node {
    counting news;
    std::unique_ptr<backplane::redis::redis_backplane> plane;
  };

  template <class Reached>
  void until(Reached&& reached) {
    while (!reached()) loops_.at(0).turn(true);
  }

  /// Publishes so many in one turn, and waits until the other node heard them.
  void publish(std::size_t count) {
    std::size_t left = count;
    for (std::size_t i = 0; i < count; ++i, ++published_) {
      backplane::draft what;
      what.data = data(published_);
      first_.plane->append(name(published_), keep, std::move(what), [&](const auto& how) {
        require(how.ok(), "a publication failed");
        position_ = how->at;
        --left;
      });
    }
    until([&] { return left == 0 && second_.news.heard == published_; });
  }

  /// What was missed of the channel that was published to last.
  void recover() {
    auto since = position_;
    since.offset -= missed;
    for (std::size_t i = 0; i < recoveries; ++i) {
      bool is_done = false;
      second_.plane->recover(name(published_ - 1), keep, since, 1000, [&](const auto& how) {
        require(how.ok() && how->publications.size() == missed, "a recovery failed");
        is_done = true;
      });
      until([&] { return is_done; });
    }
  }

  void member(std::size_t i, bool comes) {
    const auto before = second_.news.changes;
    std::size_t left = 1;
    const auto answered = [&](const auto& how) {
      require(how.ok(), "a member was not taken");
      --left;
    };
    protocol::client_info who;
    who.client = "client-" + std::to_string(i);
    who.user = "user";
    if (comes)
      first_.plane->enter(name(0), who, answered);
    else
      first_.plane->leave(name(0), who.client, answered);
    until([&] { return left == 0 && second_.news.changes > before; });
  }

  const backplane::retention keep{100, 5min};
  runtime::runtime loops_{1};
  node first_, second_;
  std::size_t published_ = 0;
  backplane::position position_;
};

} // namespace

/// As in scenario.cpp.
extern "C" [[gnu::noinline]] void plexus_counted_part(redis_scenario* what) {
  what->run();
}

} // namespace instruction_scenario

int main(int count, char** words) {
  using namespace instruction_scenario;
  return carry_out("redis_scenario", [&] {
    require(count == 2, "usage: redis_scenario PORT");
    redis_scenario all(words[1]);
    plexus_counted_part(&all);
    all.judge();
  });
}
