#include "load/phases.hpp"

#include "load/feeder.hpp"
#include "load/lines.hpp"
#include "load/process.hpp"
#include "load/swarm.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <stdexcept>

namespace plexus::bench {
namespace {

constexpr std::string_view stamp_mark = feeder::stamp_mark, number_mark = R"("n":)";

/// Connections that stay until they are told to go and come again, all at once; they recover what was published
/// meanwhile, if something was.
class crowd final : public phase {
public:
  explicit crowd(const options& what) : what_(what) {}
  void on_subscribed(swarm&, client& which, std::string_view line) override {
    if (what_.missed == 0) return;
    if (epoch_.empty()) {
      const auto at = line.find(epoch_mark);
      if (at == std::string_view::npos) throw std::runtime_error("no epoch: " + std::string(line));
      const auto rest = line.substr(at + epoch_mark.size());
      epoch_ = rest.substr(0, rest.find('"'));
    }
    if (offset_ == 0) return;
    if (line.find(R"("recovered":true)") == std::string_view::npos)
      throw std::runtime_error("not recovered: " + std::string(line.substr(0, 300)));
    if (which.slot % sample_every != 0) return;
    const auto got = feeder::count(line);
    if (got != what_.missed) throw std::runtime_error("recovered " + std::to_string(got));
  }
  std::string subscribe_command(const options&, const client&) override {
    return R"({"id":2,"subscribe":{"channel":"bench:room")" + position_ + "}}";
  }
  std::size_t on_bytes(swarm& all, client& which, std::string_view bytes) override {
    if (which.slot < what_.connections) return phase::on_bytes(all, which, bytes);
    return feed_.on_bytes(all, which, bytes);
  }
  /// While all the others are away.
  void publish_missed(swarm& all) {
    if (what_.missed == 0) return;
    feed_.publish(all, all.clients().back(), what_.missed, what_.data_size);
    position_ = R"(,"recover":true,"epoch":")" + epoch_ + R"(","offset":)" + std::to_string(offset_);
    offset_ += what_.missed;
  }
  void on_ready(swarm&, client&) override { ++ready_; }
  void on_closed(swarm&, client&) override { --ready_; }
  [[nodiscard]] std::size_t ready() const noexcept { return ready_; }

private:
  static constexpr std::string_view epoch_mark = R"("epoch":")";
  static constexpr std::size_t sample_every = 64;
  const options& what_;
  feeder feed_;
  std::size_t ready_ = 0;
  std::uint64_t offset_ = 0;
  std::string epoch_, position_;
};

std::uint64_t number_behind(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  std::uint64_t value = 0;
  if (at == std::string_view::npos ||
      std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), value).ec != std::errc{}) {
    throw std::runtime_error("a damaged publication: " + std::string(text));
  }
  return value;
}

/// Publishes at a steady rate, to one channel after the other; each has one subscriber, who must get every
/// publication once and in order.
class pace final : public phase {
public:
  explicit pace(const options& what) :
      what_(what), all_(what, *this, what.connections + 1), seen_(what.connections) {}

  void run() {
    for (auto& each : all_.clients()) all_.dial(each, each.slot < what_.connections);
    all_.run_until([&] { return all_.opening() == 0; }, "opening the subscribers");
    std::printf("{\"phase\":\"pace\"}\n");
    std::fflush(stdout);
    began_ = now_seconds();
    line_reader input;
    while (!input.ended()) {
      publish_due();
      all_.turn(1);
      if (input.take()) report();
    }
    const auto complete = [&] {
      return std::all_of(seen_.begin(), seen_.end(),
                         [&](const auto& n) { return n == sent_to(static_cast<std::size_t>(&n - seen_.data())); });
    };
    all_.run_until(complete, "the last publications");
    report();
  }

  void on_ready(swarm&, client&) override {}
  void on_closed(swarm&, client&) override {}

  std::size_t on_bytes(swarm& all, client& which, std::string_view bytes) override {
    std::size_t used = 0;
    while (const auto in = next_frame(bytes.substr(used))) {
      used += in->size;
      if (in->opcode == op_close) throw std::runtime_error("closed: " + std::string(in->payload.substr(2)));
      all.answer_ping(which, *in);
      if (in->payload.find(R"("error":)") != std::string_view::npos) {
        throw std::runtime_error("refused: " + std::string(in->payload));
      }
      if (in->payload.find(R"("pub":{)") != std::string_view::npos) take(which, in->payload);
    }
    return used;
  }

private:
  [[nodiscard]] std::uint64_t sent_to(std::size_t subscriber) const {
    return published_ / what_.connections + (subscriber < published_ % what_.connections ? 1 : 0);
  }

  void publish_due() {
    const auto due = static_cast<std::uint64_t>((now_seconds() - began_) * what_.rate);
    std::string batch;
    for (; published_ < due; ++published_) {
      const auto to = published_ % what_.connections;
      // When it was due, not when it was got round to: waiting counts.
      const auto stamp = static_cast<std::int64_t>((began_ + static_cast<double>(published_) / what_.rate) * 1e9);
      append_frame(batch, op_text,
                   R"({"id":)" + std::to_string(published_ + 10) + R"(,"publish":{"channel":"bench:room)" +
                       std::to_string(to) + R"(","data":{"n":)" + std::to_string(sent_to(to) + 1) + R"(,"t":)" +
                       std::to_string(stamp) + "}}}");
    }
    if (!batch.empty()) all_.send(all_.clients().back(), batch);
  }

  void take(const client& which, std::string_view text) {
    const auto number = number_behind(text, number_mark);
    if (number != ++seen_[which.slot]) {
      throw std::runtime_error("publication " + std::to_string(number) + " came as number " +
                               std::to_string(seen_[which.slot]));
    }
    const auto sent = static_cast<std::int64_t>(number_behind(text, stamp_mark));
    latencies_.push_back(static_cast<double>(now_nanoseconds() - sent) * 1e-6);
  }

  void report() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [&](double part) {
      return latencies_.empty()
                 ? 0.0
                 : latencies_[static_cast<std::size_t>(part * static_cast<double>(latencies_.size() - 1))];
    };
    std::printf(R"({"publications":%zu,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f})"
                "\n",
                latencies_.size(), at(0.5), at(0.99), at(1.0));
    std::fflush(stdout);
    latencies_.clear();
  }

  const options& what_;
  swarm all_;
  std::vector<std::uint64_t> seen_; ///< by subscriber
  std::vector<double> latencies_;   ///< since the last report
  std::uint64_t published_ = 0;
  double began_ = 0;
};

} // namespace

void run_crowd(const options& what) {
  crowd owner(what);
  const std::size_t others = what.missed > 0 ? 1 : 0; // who publishes meanwhile
  swarm all(what, owner, what.connections + others);
  const auto crowd_ends = all.clients().begin() + static_cast<std::ptrdiff_t>(what.connections);
  if (others > 0) {
    all.dial(all.clients().back(), false);
    all.run_until([&] { return owner.ready() == others; }, "opening the publisher");
  }
  const auto open = [&](std::size_t at_once) {
    const auto began = now_seconds();
    const auto cpu = what.server > 0 ? cpu_seconds(what.server) : 0;
    for (auto each = all.clients().begin(); each != crowd_ends; ++each) {
      if (all.opening() >= at_once)
        all.run_until([&] { return all.opening() < at_once; }, "opening the connections");
      all.dial(*each);
    }
    all.run_until([&] { return owner.ready() == what.connections + others; }, "opening the connections");
    std::printf(R"({"phase":"crowd","connections":%zu,"missed":%zu,"seconds":%.3f,"server_cpu_seconds":%.3f})"
                "\n",
                what.connections, what.missed, now_seconds() - began,
                what.server > 0 ? cpu_seconds(what.server) - cpu : 0);
    std::fflush(stdout);
  };
  open(what.in_flight);
  line_reader input;
  while (!input.ended()) {
    all.turn(50);
    if (!input.take()) continue;
    for (auto each = all.clients().begin(); each != crowd_ends; ++each) all.close(*each, false);
    owner.publish_missed(all);
    open(what.connections);
  }
}

void run_pace(const options& what) {
  pace(what).run();
}

} // namespace plexus::bench
