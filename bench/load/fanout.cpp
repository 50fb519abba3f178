#include "load/phases.hpp"

#include "load/process.hpp"
#include "load/swarm.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <utility>
#include <vector>

namespace plexus::bench {
namespace {

constexpr std::string_view stamp_mark = R"({"t":)";
constexpr std::size_t stamp_digits = 19;
// Keeps the number of digits constant; the steady clock begins at the machine's start.
constexpr std::int64_t stamp_base = 1'000'000'000'000'000'000;
constexpr std::uint64_t first_id = 1'000'000'000; ///< ids of publications are of one length
constexpr std::uint64_t sample_every = 256;

constexpr std::size_t digits_of_room = 4; ///< all names are of one length, and so are all frames

// 200 subscribers of twenty channels: few large ones, many small ones.
constexpr std::size_t mixed_sizes[] = {50, 30, 20, 16, 12, 10, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3, 2, 2, 1};

std::string room(std::size_t number) {
  const auto digits = std::to_string(number);
  return "bench:room" + std::string(digits_of_room - std::min(digits_of_room, digits.size()), '0') + digits;
}

class fanout final : public phase {
public:
  /// `sizes`: the subscribers of each channel, `what.connections` in all. The publisher goes from one channel to
  /// the next. One channel alone is `bench:room`, several have numbers.
  fanout(const options& what, std::vector<std::size_t> sizes) :
      what_(what), sizes_(std::move(sizes)), all_(what, *this, what.connections + 1), delivered_(what.connections) {
    // In rounds, so that the subscribers of a channel lie apart, as they do where people come and go.
    for (std::size_t round = 0; channel_of_.size() < what.connections; ++round)
      for (std::size_t i = 0; i < sizes_.size(); ++i)
        if (round < sizes_[i]) channel_of_.push_back(i);
    std::string data(stamp_mark);
    data += std::string(stamp_digits, '0') + R"(,"x":")";
    if (data.size() + 2 > what.data_size) throw std::runtime_error("--data must be at least 33");
    data += std::string(what.data_size - data.size() - 2, 'x') + R"("})";
    all_.append_command(command_, all_.words().publish(first_id, name(0), data));
    id_at_ = command_.find(all_.words().id(first_id));
    stamp_at_ = command_.find(stamp_mark) + stamp_mark.size();
    name_at_ = command_.find(name(0));
  }

  void run() {
    open();
    learn();
    const bool counted = what_.publications > 0;
    if (!counted) keep_publishing(std::min(0.5, what_.seconds / 4));
    const auto server_before = what_.server > 0 ? cpu_seconds(what_.server) : 0;
    const auto load_before = cpu_seconds(getpid());
    const auto before = total_;
    const auto published_before = published_;
    latencies_.clear();
    const auto began = now_seconds();
    keep_publishing(counted ? what_.timeout : what_.seconds);
    const auto took = now_seconds() - began;
    const auto server = what_.server > 0 ? cpu_seconds(what_.server) - server_before : 0;
    const auto load = cpu_seconds(getpid()) - load_before;
    const auto deliveries = total_ - before;
    const auto publications = published_ - published_before;
    drain();
    std::sort(latencies_.begin(), latencies_.end());
    std::printf(
        R"({"phase":"%s","subscribers":%zu,"channels":%zu,"outstanding":%zu,"data_bytes":%zu,"frame_bytes":%zu,)"
        R"("deliveries_per_second":%.0f,"publications_per_second":%.0f,"p50_ms":%.3f,"p99_ms":%.3f,)"
        R"("server_cpu":%.3f,"load_cpu":%.3f})"
        "\n",
        what_.phase.c_str(), what_.connections, sizes_.size(), what_.outstanding, what_.data_size, frame_size_,
        static_cast<double>(deliveries) / took, static_cast<double>(publications) / took, quantile(0.5),
        quantile(0.99), server / took, load / took);
  }

  void on_ready(swarm&, client&) override {}
  void on_closed(swarm&, client&) override {}
  std::string subscribe_command(const options&, const client& which) override {
    return all_.words().subscribe(name(channel_of_[which.slot]));
  }

  std::size_t on_bytes(swarm& all, client& which, std::string_view bytes) override {
    if (which.slot >= what_.connections) return read_replies(which, bytes);
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    std::uint64_t found = 0;
    while (end - at >= 4) {
      // What is expected is told by its header alone; only a sample is looked into.
      if (frame_size_ != 0 && std::memcmp(at, head_, sizeof head_) == 0) {
        if (static_cast<std::size_t>(end - at) < frame_size_) break;
        if ((total_ + found) % sample_every == 0) sample(at);
        ++found;
        at += frame_size_;
        continue;
      }
      const auto in = next_frame({at, static_cast<std::size_t>(end - at)});
      if (!in) break;
      found += other(all, which, *in, at);
      at += in->size;
    }
    delivered_[which.slot] += found;
    total_ += found;
    return static_cast<std::size_t>(at - bytes.data());
  }

private:
  [[nodiscard]] std::string name(std::size_t channel) const {
    return sizes_.size() == 1 ? std::string("bench:room") : room(channel);
  }

  void open() {
    auto& clients = all_.clients();
    for (std::size_t i = 0; i <= what_.connections; ++i) {
      all_.run_until([&] { return all_.opening() < what_.in_flight; }, "opening the subscribers");
      all_.dial(clients[i], i < what_.connections);
    }
    all_.run_until([&] { return all_.opening() == 0; }, "opening the subscribers");
    all_.check_resumed();
  }

  // The first publication shows how large a frame is, and where in it the time stands.
  void learn() {
    publish(1);
    all_.run_until([&] { return total_ == sizes_.front(); }, "the first publication");
    frame_size_ = first_.size();
    const auto mark = first_.find(stamp_mark);
    if (mark == std::string::npos) throw std::runtime_error("a publication without its data: " + first_);
    stamp_offset_ = mark + stamp_mark.size();
    std::memcpy(head_, first_.data(), sizeof head_);
    if (static_cast<std::uint8_t>(head_[1]) > 126) throw std::runtime_error("--data is too large");
  }

  void keep_publishing(double seconds) {
    const auto until = now_seconds() + seconds;
    const auto most = what_.publications > 0 ? what_.publications : ~std::uint64_t{0};
    while (now_seconds() < until && published_ < most) {
      all_.check_time("publishing");
      settle();
      const auto due = std::min(done_ + what_.outstanding, most);
      if (due > published_) publish(due - published_);
      all_.turn(100);
    }
  }

  // As many publications are done as the deliveries suffice for, in the order in which they were published.
  void settle() {
    for (; done_ < published_ && total_ - settled_ >= sizes_[done_ % sizes_.size()]; ++done_)
      settled_ += sizes_[done_ % sizes_.size()];
  }

  void drain() {
    const auto complete = [&] {
      settle();
      return done_ >= published_;
    };
    all_.run_until(complete, "the last publications");
    for (std::size_t i = 0; i < delivered_.size(); ++i) {
      const auto wanted = published_ / sizes_.size() + (channel_of_[i] < published_ % sizes_.size() ? 1 : 0);
      if (delivered_[i] != wanted)
        throw std::runtime_error("a subscriber got " + std::to_string(delivered_[i]) + " of " +
                                 std::to_string(wanted));
    }
  }

  // All that is due goes out in one write, as from a client that publishes several times in a turn.
  void publish(std::uint64_t count) {
    batch_.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto id = all_.words().id(first_id + published_);
      id.copy(&command_[id_at_], id.size());
      std::to_chars(&command_[stamp_at_], &command_[stamp_at_] + stamp_digits, stamp_base + now_nanoseconds());
      if (sizes_.size() > 1) name(published_ % sizes_.size()).copy(&command_[name_at_], room(0).size());
      batch_ += command_;
      ++published_;
    }
    all_.send(all_.clients().back(), batch_);
  }

  void sample(const char* frame_at) {
    std::int64_t stamp = 0;
    const auto* digits = frame_at + stamp_offset_;
    if (std::from_chars(digits, digits + stamp_digits, stamp).ptr != digits + stamp_digits || stamp < stamp_base) {
      throw std::runtime_error("a damaged publication: " + std::string(frame_at + 4, frame_size_ - 4));
    }
    latencies_.push_back(static_cast<double>(now_nanoseconds() - (stamp - stamp_base)) * 1e-6);
  }

  // A ping, the end, or publications in another form than the first one's.
  std::uint64_t other(swarm& all, client& which, const frame& in, const char* frame_at) {
    if (in.opcode == op_close) throw std::runtime_error("a subscriber was closed: " + std::string(in.payload));
    all.answer_ping(which, in);
    std::uint64_t found = 0;
    all.words().each(in.payload, [&](std::string_view message) {
      if (all.words().kind(message) == answer::publication) ++found;
    });
    if (found > 0 && first_.empty()) first_.assign(frame_at, in.size);
    return found;
  }

  std::size_t read_replies(client& which, std::string_view bytes) {
    std::size_t used = 0;
    while (const auto in = next_frame(bytes.substr(used))) {
      const auto refuse = [&] {
        throw std::runtime_error("the publisher was refused: " + std::string(in->payload));
      };
      if (in->opcode == op_close) refuse();
      all_.words().each(in->payload, [&](std::string_view message) {
        if (all_.words().kind(message) == answer::refused) refuse();
      });
      all_.answer_ping(which, *in);
      used += in->size;
    }
    return used;
  }

  double quantile(double part) const {
    if (latencies_.empty()) return 0;
    return latencies_[static_cast<std::size_t>(part * static_cast<double>(latencies_.size() - 1))];
  }

  const options& what_;
  const std::vector<std::size_t> sizes_;
  std::vector<std::size_t> channel_of_; ///< of each subscriber
  swarm all_;
  std::vector<std::uint64_t> delivered_;
  std::vector<double> latencies_;
  std::uint64_t total_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t done_ = 0, settled_ = 0; ///< publications that all have, and their deliveries
  std::string command_, batch_, first_;
  std::size_t id_at_ = 0, stamp_at_ = 0, name_at_ = 0, stamp_offset_ = 0, frame_size_ = 0;
  char head_[4] = {};
};

} // namespace

void run_fanout(const options& what) {
  fanout(what, {what.connections}).run();
}

void run_mixed(const options& what) {
  std::vector<std::size_t> sizes;
  std::size_t subscribers = 0;
  for (std::size_t i = 0; i < what.channels; ++i)
    subscribers += sizes.emplace_back(mixed_sizes[i % std::size(mixed_sizes)]);
  if (what.channels < 2 || what.channels > 10'000 || subscribers != what.connections)
    throw std::runtime_error("--connections must be " + std::to_string(subscribers) + ", what --channels (2 to " +
                             "10,000) have in all");
  fanout(what, std::move(sizes)).run();
}

} // namespace plexus::bench
