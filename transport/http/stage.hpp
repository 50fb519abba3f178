#pragma once
// A connection while it speaks HTTP/1.1: requests one after another, or the handshake that makes it a WebSocket.
// Beast parses; limits: headers 16 kB, a body of what its head allows, `client.connect_timeout` for a request to
// arrive.

#include "transport/http/head.hpp"
#include "transport/http/message.hpp"
#include "transport/link.hpp"

#include <boost/system/error_code.hpp>

#include <memory>
#include <string>

namespace plexus::transport {
class loop_transport;
class socket_service;
} // namespace plexus::transport

namespace plexus::transport::http {

/// The first stage of every link; owned by it.
class http_stage final : public stage {
public:
  http_stage(loop_transport& owner, link& on, bool internal);
  ~http_stage() override;

  void on_bytes(std::span<char> bytes) override;
  void on_end() override;
  /// A large answer may take its reader a while; `advance` bounds what may be asked for meanwhile.
  void on_slow() override {}
  /// Where memory is short, who doesn't read an answer goes.
  void on_overload() override { link_.abort(); }
  void on_timer() override;

private:
  struct parser;
  /// Takes requests out of `pending_`, until one is under way or more bytes are needed.
  void advance();
  bool take_head();
  bool take_body();
  bool refused(boost::system::error_code failed);
  void rest();
  void dispatch();
  /// True when it became a WebSocket or was refused as one.
  bool upgrade(const request& what);
  /// Behind trusted proxies: who the request is from.
  void name_client(const request& what);
  /// False: this address connects too often, and 429 was said.
  bool may_connect();
  /// For the paths that pages of other origins ask. False: it was answered.
  bool admit_origin(const request& what);
  void open_stream(const request& what);
  /// The handshake of a WebSocket that is no client's.
  void open_service(socket_service& service, const request& what);
  /// True and counted when another client fits; else it was refused.
  bool take_place();
  /// Once the headers are there. False: refused, the body is larger than it may be.
  bool limit_body();
  /// Bytes of body that this head may bring; 0: any.
  [[nodiscard]] std::uint64_t max_body(const request& head) const;
  /// What the request would be told anyway, else that its body is too large; then the end.
  void refuse_body(const request& head);
  void answer(const response& what, bool close);
  void refuse(int status, std::string_view text);
  void wait_for_request();

  loop_transport& owner_;
  link& link_;
  bool internal_;
  bool busy_ = false; ///< a handler has not answered yet
  bool keep_alive_ = true;
  bool dispatching_ = false; ///< a handler is being called
  bool head_only_ = false;
  bool old_ = false;                                      ///< HTTP/1.0
  std::vector<std::pair<std::string, std::string>> cors_; ///< headers for the answer to the request under way
  bool resting_ = false;                                  ///< had its share of this turn
  head_scan scan_;                                        ///< of the head that is coming in
  std::string pending_;                                   ///< bytes not parsed yet
  std::unique_ptr<parser> parser_;                        ///< only while a request is coming in
  /// Answers that come later look here whether the connection is still there.
  std::shared_ptr<http_stage*> alive_;
};

} // namespace plexus::transport::http
