// Messages of an admin client, signed in or not: whatever they are, each has one answer with its id or closes the
// socket, an answer is JSON, and what another node says never breaks this one. Input: flags, then messages a line
// each; with the second flag the first line is what another node answers to everything.

#include "actors/runtime/trace.hpp"
#include "tests/actors/admin/world.hpp"
#include "tests/fuzz/input.hpp"

using namespace plexus;
using namespace plexus::admin;

namespace {

struct strict_socket final : transport::message_socket {
  explicit strict_socket(runtime::loop& on) : loop(on) {}
  void send(std::string text) override {
    fuzz::require(closed == 0, "something is said after the end");
    const auto what = json::parse(text, nullptr, false);
    fuzz::require(what.is_object() && (what.contains("id") || what.contains("watch")), "an answer without its id");
    fuzz::require(what.contains("result") != what.contains("error"), "neither a result nor an error");
    fuzz::require(text.find("hush") == std::string_view::npos || told_it, "the secret is told");
  }
  void close(std::uint16_t code, std::string_view) override {
    if (closed == 0) closed = code;
  }
  void set_timer(std::chrono::milliseconds) override {}
  void ping() override {}
  void drop() override { close(1008, {}); }
  void settle() override {}
  std::size_t waiting() const noexcept override { return 0; }
  std::uint64_t sent() const noexcept override { return 0; }
  runtime::loop& home() const noexcept override { return loop; }
  config::ip_address client() const override { return {}; }
  std::string peer() const override { return "192.0.2.1"; }

  runtime::loop& loop;
  std::uint16_t closed = 0;
  bool told_it = false; ///< it was in what the client said
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& node = *new testing::world; // stays to the end: channels outlive the input that made them
  fuzz::input in(data, size);
  const unsigned flags = in.byte();
  node.others.others = {};
  if ((flags & 2U) != 0) node.others.others.from.push_back({"there", std::string(in.line())});
  strict_socket socket(node.home());
  socket.told_it =
      std::string_view(reinterpret_cast<const char*>(data), size).find("hush") != std::string_view::npos;
  session client(socket, node.room());
  if ((flags & 1U) != 0) {
    node.door.forget({});
    client.on_message(R"({"id":1,"auth":{"secret":"hush"}})");
  }
  while (socket.closed == 0) {
    const auto line = in.line();
    if (line.empty()) break;
    client.on_message(line);
    node.turn();
  }
  client.on_timer();
  node.turn();
  client.on_gone();
  node.turn();
  fuzz::require(!runtime::trace::on(), "a trace goes on without its watcher");
  return 0;
}
