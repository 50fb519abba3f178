#pragma once
// Inspection as the node has it: all its parts in one, and the service behind `/admin/websocket`.

#include "actors/admin/host.hpp"
#include "actors/admin/peers.hpp"
#include "transport/message_socket.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace plexus::admin {

/// Made before the loops start; destroyed after they have ended and their sockets are gone.
class service final : public transport::socket_service {
public:
  /// `all` outlives this; null: there are no other nodes.
  explicit service(const environment& env, peers* all = nullptr);
  ~service() override;

  // transport::socket_service; off while `admin.secret` is empty
  [[nodiscard]] bool on() const override;
  [[nodiscard]] std::size_t max_message() const noexcept override { return 65'536; }
  /// Of a client that reads: an answer that is the longest there may be, behind another one.
  [[nodiscard]] std::size_t max_waiting() const noexcept override { return 8 * 1024 * 1024; }
  std::unique_ptr<transport::socket_end> open(transport::message_socket& with) override;

  /// What another node asks; `respond` is called once, on the calling loop.
  void serve(std::string_view body, std::function<void(std::string)> respond);
  /// On loop 0, about once a second.
  void tick(runtime::loop::clock::time_point now = runtime::loop::clock::now());

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace plexus::admin
