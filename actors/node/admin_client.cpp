#include "actors/node/admin_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <optional>

namespace plexus::node {

namespace asio = boost::asio;
namespace beast = boost::beast;
using plain_socket = beast::websocket::stream<beast::tcp_stream>;
using secure_socket = beast::websocket::stream<beast::ssl_stream<beast::tcp_stream>>;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds to_connect{10};

struct place {
  bool secure = false;
  std::string host, port;
};

place read_url(std::string url) {
  place out;
  if (url.starts_with("wss://"))
    out.secure = true;
  else if (!url.starts_with("ws://"))
    throw admin_usage("--url: expected ws://HOST:PORT or wss://HOST:PORT");
  url.erase(0, out.secure ? 6 : 5);
  url = url.substr(0, url.find('/'));
  const auto colon = url.rfind(':');
  if (colon != std::string::npos && url.find(']', colon) == std::string::npos) {
    out.port = url.substr(colon + 1);
    url.resize(colon);
  } else {
    out.port = out.secure ? "443" : "80";
  }
  if (url.starts_with('[') && url.ends_with(']')) url = url.substr(1, url.size() - 2);
  out.host = url;
  if (out.host.empty() || out.port.empty()) throw admin_usage("--url: expected ws://HOST:PORT or wss://HOST:PORT");
  return out;
}

} // namespace

struct admin_client::parts {
  asio::io_context io;
  asio::ssl::context tls{asio::ssl::context::tls_client};
  std::optional<plain_socket> plain;
  std::optional<secure_socket> secure;
  beast::flat_buffer buffer;

  /// Runs what `start` starts, until its handler has set the outcome.
  template <class Start>
  void complete(std::chrono::milliseconds timeout, const char* what, Start start) {
    std::optional<error_code> outcome;
    start([&outcome](error_code how, auto&&...) { outcome = how; });
    io.restart();
    if (timeout.count() > 0)
      io.run_for(timeout);
    else
      io.run();
    if (!outcome) throw admin_fault(std::string(what) + ": no answer in time");
    if (*outcome == beast::websocket::error::closed)
      throw admin_fault(std::string("the node has closed the connection: ") + reason());
    if (*outcome) throw admin_fault(std::string(what) + ": " + outcome->message());
  }

  std::string reason() {
    const auto& why = plain ? plain->reason() : secure->reason();
    return std::string(why.reason.data(), why.reason.size());
  }

  template <class Work>
  void with_socket(Work work) {
    if (plain)
      work(*plain);
    else
      work(*secure);
  }
};

admin_client::admin_client(const std::string& url, const std::string& ca, bool unchecked) :
    parts_(std::make_unique<parts>()) {
  auto& p = *parts_;
  const auto to = read_url(url);
  error_code failed;
  asio::ip::tcp::resolver resolver(p.io);
  const auto found = resolver.resolve(to.host, to.port, failed);
  if (failed) throw admin_fault(to.host + ": " + failed.message());
  auto dial = [&](beast::tcp_stream& socket) {
    p.complete(to_connect, (to.host + ":" + to.port).c_str(),
               [&](auto done) { socket.async_connect(found, std::move(done)); });
  };
  if (to.secure) {
    p.tls.set_verify_mode(unchecked ? asio::ssl::verify_none : asio::ssl::verify_peer);
    if (ca.empty())
      p.tls.set_default_verify_paths(failed);
    else
      p.tls.load_verify_file(ca, failed);
    if (failed) throw admin_fault(ca + ": " + failed.message());
    p.secure.emplace(p.io, p.tls);
    dial(beast::get_lowest_layer(*p.secure));
    SSL_set_tlsext_host_name(p.secure->next_layer().native_handle(), to.host.c_str());
    if (!unchecked) p.secure->next_layer().set_verify_callback(asio::ssl::host_name_verification(to.host));
    p.complete(to_connect, "TLS", [&](auto done) {
      p.secure->next_layer().async_handshake(asio::ssl::stream_base::client, std::move(done));
    });
  } else {
    p.plain.emplace(p.io);
    dial(beast::get_lowest_layer(*p.plain));
  }
  p.with_socket([&](auto& socket) {
    socket.read_message_max(64 * 1024 * 1024);
    try {
      p.complete(to_connect, "the handshake", [&](auto done) {
        socket.async_handshake(to.host + ":" + to.port, "/admin/websocket", std::move(done));
      });
    } catch (const admin_fault& why) {
      throw admin_fault(std::string(why.what()) +
                        " (is admin.secret set, and is this the internal port if there is one?)");
    }
  });
}

admin_client::~admin_client() = default;

void admin_client::send(const std::string& text) {
  parts_->with_socket([&](auto& socket) {
    parts_->complete(to_connect, "sending",
                     [&](auto done) { socket.async_write(asio::buffer(text), std::move(done)); });
  });
}

std::string admin_client::receive(std::chrono::milliseconds timeout) {
  auto& p = *parts_;
  p.with_socket([&](auto& socket) {
    p.complete(timeout, "receiving", [&](auto done) { socket.async_read(p.buffer, std::move(done)); });
  });
  auto text = beast::buffers_to_string(p.buffer.data());
  p.buffer.consume(p.buffer.size());
  return text;
}

} // namespace plexus::node
