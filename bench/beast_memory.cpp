// What one idle beast::websocket::stream holds: the reason why Plexus reads frames itself (transport/websocket).
// Prints the heap bytes of a stream, without its socket's descriptor and the buffer for messages, in three states.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include <malloc.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using stream = beast::websocket::stream<tcp::socket, false>; // false: without permessage-deflate

constexpr std::size_t count = 400; // two descriptors each: within an open-file limit of 1024

std::size_t heap_in_use() {
  return mallinfo2().uordblks;
}

enum class state { bare, accepted, reading };

struct session {
  explicit session(tcp::socket socket) : ws(std::move(socket)) {}
  stream ws;
  beast::flat_static_buffer<512>* buffer = nullptr;
};

void start(session& with, state wanted) {
  if (wanted == state::bare) return;
  with.ws.set_option(beast::websocket::stream_base::timeout::suggested(beast::role_type::server));
  with.ws.async_accept([&with, wanted](beast::error_code error) {
    if (error || wanted == state::accepted) return;
    with.ws.async_read(*with.buffer, [](beast::error_code, std::size_t) {});
  });
}

std::size_t heap_of_one(state wanted) {
  asio::io_context loop(1);
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  std::vector<tcp::socket> clients;
  std::vector<tcp::socket> accepted;
  std::vector<beast::flat_static_buffer<512>> buffers(count);
  std::vector<std::unique_ptr<session>> sessions;
  clients.reserve(count);
  accepted.reserve(count);
  sessions.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(loop).connect(acceptor.local_endpoint());
    accepted.push_back(acceptor.accept());
    asio::write(clients.back(), asio::buffer(request));
  }
  std::size_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == count / 2) before = heap_in_use(); // the first half warms the loop's own caches up
    auto& added = *sessions.emplace_back(std::make_unique<session>(std::move(accepted[i])));
    added.buffer = &buffers[i];
    start(added, wanted);
    while (loop.poll_one() != 0) {
    }
    loop.restart();
  }
  return (heap_in_use() - before) / (count - count / 2);
}

} // namespace

int main() {
  std::printf("constructed                        %zu bytes\n", heap_of_one(state::bare));
  std::printf("accepted                           %zu bytes\n", heap_of_one(state::accepted));
  std::printf("accepted, a read under way (idle)  %zu bytes\n", heap_of_one(state::reading));
}
