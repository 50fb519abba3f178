#include "load/phases.hpp"

#include "load/process.hpp"
#include "load/swarm.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <stdexcept>

namespace plexus::bench {
namespace {

constexpr std::string_view stamp_mark = R"({"t":)";
constexpr std::size_t stamp_digits = 19;
// Keeps the number of digits constant; the steady clock begins at the machine's start.
constexpr std::int64_t stamp_base = 1'000'000'000'000'000'000;
constexpr double pause_at_most = 0.05;

std::uint64_t number_at(std::string_view text) {
  std::uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
    throw std::runtime_error("a damaged publication: " + std::string(text));
  return value;
}

class spread final : public phase {
public:
  explicit spread(const options& what) :
      what_(what),
      nodes_(std::max<std::size_t>(1, what.ports.size())),
      channels_(what.channels == 0 ? what.connections : what.channels),
      all_(what, *this, nodes_ * what.connections + what.publishers),
      got_(nodes_ * what.connections),
      offsets_(nodes_ * what.connections),
      sent_to_(channels_),
      batches_(all_.clients().size()),
      latencies_(nodes_) {
    if (what.connections % channels_ != 0) throw std::runtime_error("--connections: not a multiple of --channels");
    data_tail_ = R"(,"x":")";
    const auto fixed = stamp_digits + data_tail_.size() + std::string_view(R"({"t":"})").size();
    if (fixed > what.data_size) throw std::runtime_error("--data must be at least 33");
    data_tail_ += std::string(what.data_size - fixed, 'x') + R"("})";
  }

  void run() {
    open();
    publish_for(std::min(1.0, what_.seconds / 4));
    for (auto& each : latencies_) each.clear();
    const auto cpu_before = used();
    const auto load_before = cpu_seconds(getpid());
    const auto delivered_before = delivered_;
    const auto published_before = published_, replied_before = replied_;
    const auto began = now_seconds();
    publish_for(what_.seconds);
    const auto took = now_seconds() - began;
    const auto load = cpu_seconds(getpid()) - load_before;
    auto cpu = used();
    for (std::size_t i = 0; i < cpu.size(); ++i) cpu[i] = (cpu[i] - cpu_before[i]) / took;
    const auto deliveries = delivered_ - delivered_before;
    const auto published = published_ - published_before, replied = replied_ - replied_before;
    drain();
    std::printf(R"({"phase":"spread","nodes":%zu,"connections":%zu,"channels":%zu,"publishers":%zu,)"
                R"("outstanding":%zu,"rate":%.0f,"data_bytes":%zu,"seconds":%.3f,"asked_per_second":%.0f,)"
                R"("publications_per_second":%.0f,"deliveries_per_second":%.0f,"load_cpu":%.3f,"cpu":[)",
                nodes_, what_.connections, channels_, what_.publishers, what_.outstanding, what_.rate,
                what_.data_size, took, static_cast<double>(published) / took, static_cast<double>(replied) / took,
                static_cast<double>(deliveries) / took, load / took);
    for (std::size_t i = 0; i < cpu.size(); ++i) std::printf("%s%.4f", i == 0 ? "" : ",", cpu[i]);
    std::printf("],\"latency\":[");
    for (auto& each : latencies_) print_latencies(each, &each != latencies_.data());
    std::printf("]}\n");
  }

  std::uint16_t port(const options& what, const client& which) override {
    return what.ports.empty() ? what.port : what.ports[which.node];
  }
  void on_ready(swarm&, client&) override {}
  void on_closed(swarm&, client&) override {}

  std::size_t on_bytes(swarm& all, client& which, std::string_view bytes) override {
    std::size_t used = 0;
    while (const auto in = next_frame(bytes.substr(used))) {
      used += in->size;
      if (in->opcode == op_close) throw std::runtime_error("closed: " + std::string(in->payload.substr(2)));
      if (in->payload.size() <= 3) {
        all.answer_ping(which, *in);
        continue;
      }
      all.words().each(in->payload, [&](std::string_view message) { take(which, message); });
    }
    return used;
  }

private:
  void open() {
    auto& clients = all_.clients();
    for (auto& each : clients) {
      all_.run_until([&] { return all_.opening() < what_.in_flight; }, "opening the subscribers");
      const auto node = each.slot / what_.connections;
      all_.dial(each, node < nodes_, node < nodes_ ? node : 0);
    }
    all_.run_until([&] { return all_.opening() == 0; }, "opening the subscribers");
  }

  void publish_for(double seconds) {
    const auto until = now_seconds() + seconds;
    auto wait = 0.0;
    due_ = now_seconds();
    while (now_seconds() < until) {
      all_.check_time("publishing");
      if (what_.rate > 0) {
        // What is late keeps the time at which it was due, so that waiting for a slow server counts.
        for (; due_ <= now_seconds(); due_ += 1 / what_.rate) publish(static_cast<std::int64_t>(due_ * 1e9));
        wait = std::clamp(due_ - now_seconds(), 0.0, pause_at_most);
      } else {
        while (published_ - replied_ < what_.outstanding) publish(now_nanoseconds());
        wait = pause_at_most;
      }
      flush();
      all_.turn(wait);
    }
  }

  void publish(std::int64_t stamp) {
    // With publishers of their own each takes its turn; without, the subscribers of the first node do.
    const auto slot = what_.publishers > 0 ? nodes_ * what_.connections + published_ % what_.publishers
                                           : published_ % what_.connections;
    const auto channel = published_ % channels_;
    auto& batch = batches_[slot];
    if (batch.empty()) to_flush_.push_back(slot);
    data_.assign(stamp_mark).append(std::to_string(stamp_base + stamp)).append(data_tail_);
    const auto name = "bench:room" + (what_.channels == 1 ? std::string() : std::to_string(channel));
    all_.append_command(batch, all_.words().publish(published_ + 10, name, data_));
    ++sent_to_[channel];
    ++published_;
  }

  // All that is due goes out in one write, as from a client that publishes several times in a turn.
  void flush() {
    for (const auto slot : to_flush_) {
      all_.send(all_.clients()[slot], batches_[slot]);
      batches_[slot].clear();
    }
    to_flush_.clear();
  }

  void take(const client& which, std::string_view message) {
    const auto kind = all_.words().kind(message);
    if (kind == answer::refused) throw std::runtime_error("refused: " + std::string(message));
    if (kind == answer::published) ++replied_;
    if (kind != answer::publication) return;
    const auto stamp = message.find(stamp_mark);
    if (stamp == std::string_view::npos) throw std::runtime_error("a damaged publication: " + std::string(message));
    const auto sent = static_cast<std::int64_t>(number_at(message.substr(stamp + stamp_mark.size()))) - stamp_base;
    latencies_[which.node].push_back(static_cast<float>(static_cast<double>(now_nanoseconds() - sent) * 1e-6));
    ++got_[which.slot];
    ++delivered_;
    const auto offset = all_.words().offset(message);
    if (!offset) return;
    auto& last = offsets_[which.slot];
    if (last != 0 && *offset != last + 1)
      throw std::runtime_error("offset " + std::to_string(*offset) + " came after " + std::to_string(last));
    last = *offset;
  }

  void drain() {
    const auto complete = [&] {
      if (replied_ < published_) return false;
      for (std::size_t i = 0; i < got_.size(); ++i)
        if (got_[i] < sent_to_[i % channels_]) return false;
      return true;
    };
    all_.run_until(complete, "the last publications");
    for (std::size_t i = 0; i < got_.size(); ++i)
      if (got_[i] != sent_to_[i % channels_])
        throw std::runtime_error("a subscriber got " + std::to_string(got_[i]) + " of " +
                                 std::to_string(sent_to_[i % channels_]));
  }

  [[nodiscard]] std::vector<double> used() const {
    std::vector<double> out;
    if (what_.server > 0) out.push_back(cpu_seconds(what_.server));
    for (const auto each : what_.others) out.push_back(cpu_seconds(each));
    return out;
  }

  static void print_latencies(std::vector<float>& all, bool comma) {
    std::sort(all.begin(), all.end());
    const auto at = [&](double part) {
      return all.empty() ? 0.0F : all[static_cast<std::size_t>(part * static_cast<double>(all.size() - 1))];
    };
    std::printf(R"(%s{"count":%zu,"p50_ms":%.3f,"p90_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f,"max_ms":%.3f})",
                comma ? "," : "", all.size(), at(0.5), at(0.9), at(0.99), at(0.999), at(1.0));
  }

  const options& what_;
  const std::size_t nodes_;
  const std::uint64_t channels_;
  swarm all_;
  std::vector<std::uint64_t> got_, offsets_, sent_to_;
  std::vector<std::string> batches_;
  std::vector<std::size_t> to_flush_;
  std::vector<std::vector<float>> latencies_;
  std::string data_, data_tail_;
  std::uint64_t published_ = 0, replied_ = 0, delivered_ = 0;
  double due_ = 0;
};

} // namespace

void run_spread(const options& what) {
  spread(what).run();
}

} // namespace plexus::bench
