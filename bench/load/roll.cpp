#include "load/phases.hpp"

#include "load/lines.hpp"
#include "load/process.hpp"
#include "load/swarm.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <random>
#include <stdexcept>

namespace plexus::bench {
namespace {

// A client's library waits so long at most before it comes again for the first time, at random.
constexpr double longest_pause = 0.5;

std::string_view text_behind(std::string_view line, std::string_view mark) {
  const auto at = line.find(mark);
  if (at == std::string_view::npos) return {};
  line.remove_prefix(at + mark.size());
  return line.substr(0, line.find('"'));
}

std::uint64_t number_behind(std::string_view line, std::string_view mark) {
  const auto at = line.find(mark);
  std::uint64_t value = 0;
  if (at != std::string_view::npos)
    std::from_chars(line.data() + at + mark.size(), line.data() + line.size(), value);
  return value;
}

/// Clients that stay whatever happens to the nodes: they come again to whichever node takes them, with the position
/// they had, and count what they missed, got twice or out of order.
class roll final : public phase {
public:
  explicit roll(const options& what) :
      what_(what), all_(what, *this, what.connections), members_(what.connections) {}

  void run() {
    for (auto& each : all_.clients()) {
      all_.run_until([&] { return all_.opening() < what_.in_flight; }, "opening the clients");
      all_.dial(each);
    }
    all_.run_until([&] { return subscribed_ == what_.connections; }, "opening the clients");
    std::printf("{\"phase\":\"roll\",\"connections\":%zu}\n", what_.connections);
    std::fflush(stdout);
    line_reader input;
    while (!input.ended()) {
      all_.turn(5);
      come_again();
      if (input.take()) report();
    }
    report();
  }

  [[nodiscard]] bool retries() const override { return true; }
  std::uint16_t port(const options& what, const client& which) override {
    return what.ports.empty() ? what.port
                              : what.ports[(which.slot + members_[which.slot].tries) % what.ports.size()];
  }
  std::string subscribe_command(const options& what, const client& which) override {
    const auto& me = members_[which.slot];
    auto command =
        R"({"id":2,"subscribe":{"channel":"bench:room)" + std::to_string(which.slot % what.channels) + '"';
    if (!me.epoch.empty())
      command += R"(,"recover":true,"offset":)" + std::to_string(me.offset) + R"(,"epoch":")" + me.epoch + '"';
    return command + "}}";
  }

  void on_subscribed(swarm&, client& which, std::string_view line) override {
    auto& me = members_[which.slot];
    const auto first = me.epoch.empty();
    if (first) {
      me.epoch = text_behind(line, R"("epoch":")");
      // The reply's own offset is its last one; a page of publications may stand before it.
      const auto at = line.rfind(R"("offset":)");
      me.offset = number_behind(line.substr(at == std::string_view::npos ? line.size() : at), R"("offset":)");
      return;
    }
    if (line.find(R"("recovered":true)") == std::string_view::npos) {
      ++unrecovered_;
      return;
    }
    take_all(me, line);
  }

  void on_ready(swarm&, client& which) override {
    ++subscribed_;
    auto& me = members_[which.slot];
    if (me.lost_at > 0) gaps_.push_back((now_seconds() - me.lost_at) * 1000);
    me.lost_at = 0;
  }
  void on_closed(swarm&, client&) override {}

  void on_lost(swarm&, client& which, const std::string&) override {
    auto& me = members_[which.slot];
    if (me.lost_at == 0) {
      me.lost_at = now_seconds();
      --subscribed_;
      ++moves_;
    }
    // A node that is away is no reason to wait long: there are others.
    ++me.tries;
    me.due = now_seconds() + longest_pause * chance_(random_);
    waiting_.push_back(which.slot);
  }

  std::size_t on_bytes(swarm& all, client& which, std::string_view bytes) override {
    std::size_t used = 0;
    auto& me = members_[which.slot];
    while (const auto in = next_frame(bytes.substr(used))) {
      used += in->size;
      all.answer_ping(which, *in);
      if (in->payload.find(R"("pub":{)") != std::string_view::npos) take_all(me, in->payload);
      if (in->payload.find(R"("unsubscribe":{)") != std::string_view::npos) ++unrecovered_;
    }
    return used;
  }

private:
  struct member {
    std::string epoch;
    std::uint64_t offset = 0;
    double lost_at = 0, due = 0;
    std::size_t tries = 0;
  };

  void take_all(member& me, std::string_view text) {
    // A publication's data says its number, which is its offset.
    constexpr std::string_view mark = R"("number":)";
    for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
      const auto number = number_behind(text.substr(at), mark);
      if (number <= me.offset) {
        ++twice_;
        continue;
      }
      lost_ += number - me.offset - 1;
      me.offset = number;
      ++received_;
    }
  }

  void come_again() {
    const auto now = now_seconds();
    std::erase_if(waiting_, [&](std::uint32_t slot) {
      if (members_[slot].due > now) return false;
      all_.dial(all_.clients()[slot]);
      return true;
    });
  }

  void report() {
    std::sort(gaps_.begin(), gaps_.end());
    const auto at = [&](double part) {
      return gaps_.empty() ? 0.0 : gaps_[static_cast<std::size_t>(part * static_cast<double>(gaps_.size() - 1))];
    };
    auto [least, most] = std::minmax_element(members_.begin(), members_.end(),
                                             [](const member& a, const member& b) { return a.offset < b.offset; });
    std::printf(R"({"subscribed":%zu,"received":%llu,"lost":%llu,"twice":%llu,"unrecovered":%llu,"moves":%llu,)"
                R"("least":%llu,"most":%llu,"gap_p50_ms":%.0f,"gap_p99_ms":%.0f,"gap_max_ms":%.0f})"
                "\n",
                subscribed_, static_cast<unsigned long long>(received_), static_cast<unsigned long long>(lost_),
                static_cast<unsigned long long>(twice_), static_cast<unsigned long long>(unrecovered_),
                static_cast<unsigned long long>(moves_), static_cast<unsigned long long>(least->offset),
                static_cast<unsigned long long>(most->offset), at(0.5), at(0.99), at(1));
    std::fflush(stdout);
  }

  const options& what_;
  swarm all_;
  std::vector<member> members_; ///< by slot
  std::vector<std::uint32_t> waiting_;
  std::vector<double> gaps_; ///< milliseconds from the loss of a connection to the next subscription
  std::size_t subscribed_ = 0;
  std::uint64_t received_ = 0, lost_ = 0, twice_ = 0, unrecovered_ = 0, moves_ = 0;
  std::mt19937 random_{1};
  std::uniform_real_distribution<double> chance_{0, 1};
};

} // namespace

void run_roll(const options& what) {
  roll(what).run();
}

} // namespace plexus::bench
