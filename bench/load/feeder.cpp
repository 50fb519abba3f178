#include "load/feeder.hpp"

#include "load/process.hpp"

#include <stdexcept>
#include <string>

namespace plexus::bench {

namespace {

std::size_t occurrences(std::string_view mark, std::string_view in) noexcept {
  std::size_t found = 0;
  for (auto at = in.find(mark); at != std::string_view::npos; at = in.find(mark, at + 1)) ++found;
  return found;
}

} // namespace

void feeder::publish(swarm& all, client& through, std::size_t count, std::size_t data_size) {
  std::string batch;
  const auto until = replies_ + count;
  for (std::size_t i = 0; i < count; ++i)
    append_frame(batch, op_text,
                 R"({"id":)" + std::to_string(i + 10) + R"(,"publish":{"channel":"bench:room","data":{"t":)" +
                     std::to_string(now_nanoseconds()) + R"(,"x":")" + std::string(data_size, 'x') + R"("}}})");
  all.send(through, batch);
  all.run_until([&] { return replies_ == until; }, "publishing what is read later");
}

std::size_t feeder::on_bytes(swarm& all, client& which, std::string_view bytes) {
  std::size_t used = 0;
  while (const auto in = next_frame(bytes.substr(used))) {
    used += in->size;
    all.answer_ping(which, *in);
    if (in->payload.find(R"("error":)") != std::string_view::npos)
      throw std::runtime_error("refused: " + std::string(in->payload));
    replies_ += occurrences(R"("publish":)", in->payload);
  }
  return used;
}

std::size_t feeder::count(std::string_view message) noexcept {
  return occurrences(stamp_mark, message);
}

} // namespace plexus::bench
