#include "transport/http/stage.hpp"

#include "actors/runtime/log.hpp"
#include "transport/http/handshake.hpp"
#include "transport/loop_transport.hpp"
#include "transport/stream/request.hpp"
#include "transport/transport_metrics.hpp"
#include "transport/websocket/deflate.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

namespace plexus::transport::http {

namespace beast_http = boost::beast::http;

namespace {

constexpr std::uint32_t max_header = 16 * 1024;
constexpr std::chrono::seconds keep_alive_idle{60};
constexpr std::string_view client_paths = "/connection/"; // what `listen.connects_per_second_per_address` is about
/// Of one connection, when they come without waiting for answers; then the others have their turn.
constexpr int requests_a_turn = 16;

request convert(const beast_http::request<beast_http::string_body>& from) {
  request out;
  out.version = from.version();
  out.keep_alive = from.keep_alive();
  out.method = std::string(from.method_string());
  const std::string_view target(from.target().data(), from.target().size());
  auto mark = target.find('?');
  out.path = decode_url(target.substr(0, mark), false);
  if (mark != std::string_view::npos) out.query = std::string(target.substr(mark + 1));
  for (auto& f : from) {
    std::string name(f.name_string());
    for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out.headers.emplace_back(std::move(name), std::string(f.value()));
  }
  return out;
}

} // namespace

struct http_stage::parser : beast_http::request_parser<beast_http::string_body> {
  parser() {
    header_limit(max_header);
    body_limit(boost::none); // until the path is known
  }
  request what;              ///< the head, once it is there
  bool continued = false;    ///< "100 Continue" was said
  std::ptrdiff_t fields = 0; ///< in the head; chunks may bring more behind the body
};

http_stage::http_stage(loop_transport& owner, link& on, bool internal) :
    owner_(owner), link_(on), internal_(internal), alive_(std::make_shared<http_stage*>(this)) {
  wait_for_request();
}

http_stage::~http_stage() {
  *alive_ = nullptr;
}

void http_stage::on_end() {
  *alive_ = nullptr;
}

// A request has `connect_timeout` to arrive whole; a connection kept alive may rest longer.
void http_stage::wait_for_request() {
  auto most = owner_.environment().settings->client.connect_timeout;
  if (most.count() > 0)
    link_.set_timer(most);
  else
    link_.clear_timer();
}

void http_stage::on_timer() {
  if (busy_ || resting_) return; // the handler has its own limits
  if (parser_ || !pending_.empty())
    refuse(408, "The request took too long to arrive.");
  else
    link_.abort();
}

void http_stage::on_bytes(std::span<char> bytes) {
  if (pending_.empty() && !parser_) wait_for_request();
  pending_.append(bytes.data(), bytes.size());
  if (!busy_ && !resting_) advance();
}

void http_stage::advance() {
  auto alive = alive_; // this object may end within
  for (int requests = 0; *alive && !busy_ && !pending_.empty();) {
    if (link_.out().size() > owner_.max_queue()) {
      // Asks and asks without reading the answers.
      link_.abort();
      return;
    }
    if (!parser_) {
      if (requests == requests_a_turn) {
        rest();
        return;
      }
      if (!take_head()) return;
      ++requests;
    }
    if (!take_body()) return;
  }
}

/// True when a head was complete and good: the parser has it.
bool http_stage::take_head() {
  cors_.clear();
  head_only_ = old_ = false;
  const auto how = scan_.look(pending_);
  if (scan_.size() > max_header) {
    refuse(431, "The headers are larger than 16 kB.");
    return false;
  }
  if (how == head_scan::state::more) return false;
  const auto size = std::exchange(scan_, {}).size();
  const auto fault = how == head_scan::state::bad ? "This is not a valid HTTP/1.1 request."
                                                  : head_fault(std::string_view(pending_).substr(0, size));
  if (!fault.empty()) {
    refuse(400, fault);
    return false;
  }
  parser_ = std::make_unique<parser>();
  parser_->eager(false); // the head alone
  boost::system::error_code failed;
  parser_->put(boost::asio::const_buffer(pending_.data(), size), failed);
  if (refused(failed)) return false;
  if (!parser_->is_header_done()) {
    refuse(400, "This is not a valid HTTP/1.1 request.");
    return false;
  }
  parser_->fields = std::distance(parser_->get().begin(), parser_->get().end());
  pending_.erase(0, size);
  parser_->what = convert(parser_->get());
  head_only_ = parser_->what.method == "HEAD";
  old_ = parser_->what.version < 11;
  return limit_body();
}

/// True when the request is complete and was dispatched.
bool http_stage::take_body() {
  while (!parser_->is_done() && !pending_.empty()) {
    boost::system::error_code failed;
    auto used = parser_->put(boost::asio::const_buffer(pending_.data(), pending_.size()), failed);
    pending_.erase(0, used);
    if (refused(failed)) return false;
    if (used > 0) continue;
    // What goes on without an end is the line before a chunk, or what follows the last one.
    if (pending_.size() <= max_header) return false;
    refuse(400, "The body's chunks are not marked off as they should be.");
    return false;
  }
  if (parser_->is_done()) {
    if (std::distance(parser_->get().begin(), parser_->get().end()) != parser_->fields) {
      refuse(400, "Headers behind the body are not taken.");
      return false;
    }
    dispatch();
    return true;
  }
  if (!parser_->continued && boost::beast::iequals(parser_->get()[beast_http::field::expect], "100-continue")) {
    parser_->continued = true;
    link_.out().append("HTTP/1.1 100 Continue\r\n\r\n");
    link_.mark_dirty();
  }
  return false;
}

/// True when Beast found a fault, which has been answered.
bool http_stage::refused(boost::system::error_code failed) {
  if (!failed || failed == beast_http::error::need_more) return false;
  if (failed == beast_http::error::header_limit || failed == beast_http::error::buffer_overflow)
    refuse(431, "The headers are larger than 16 kB.");
  else if (failed == beast_http::error::body_limit)
    refuse_body(parser_->what);
  else
    refuse(400, "This is not a valid HTTP/1.1 request.");
  return true;
}

/// The requests that are here already are answered in the next turn.
void http_stage::rest() {
  resting_ = true;
  link_.pause_reading();
  owner_.next_turn([weak = std::weak_ptr<http_stage*>(alive_)] {
    auto self = weak.lock();
    if (!self || !*self) return;
    auto* resting = *self;
    resting->resting_ = false;
    resting->advance();
    if (*self && !resting->busy_ && !resting->resting_) resting->link_.resume_reading();
  });
}

bool http_stage::limit_body() {
  parser_->eager(true);
  const auto size = parser_->content_length();
  if (!parser_->chunked() && size.value_or(0) == 0) return true;
  const auto most = max_body(parser_->what);
  if (most == 0) return true;
  if (!size || *size <= most) {
    parser_->body_limit(most); // for a body in chunks
    return true;
  }
  refuse_body(parser_->what);
  return false;
}

void http_stage::dispatch() {
  auto done = std::move(parser_);
  auto what = std::move(done->what);
  what.body = std::move(done->get().body());
  keep_alive_ = what.keep_alive && !owner_.limit().leaving; // who asks again finds another node
  done.reset();
  if (!known_method(what.method)) {
    refuse(405, "This method is not used here.");
    return;
  }
  const bool for_pages = !internal_ && stream::is_client_path(what.path);
  if (!internal_) {
    name_client(what);
    if (for_pages && !admit_origin(what)) return;
    if (what.path.starts_with(client_paths) && what.method != "OPTIONS" && !may_connect()) return;
  }
  if (auto* service = owner_.routes().find_socket(what.path, internal_)) {
    open_service(*service, what);
    return;
  }
  if (owner_.routes().is_websocket(what.path, internal_)) {
    upgrade(what);
    return;
  }
  if (for_pages && what.path != stream::emulation_path) {
    open_stream(what);
    return;
  }
  auto* handler = owner_.routes().find(what.path, internal_);
  if (!handler) {
    answer(sentence(404, "There is nothing at this path."), false);
    return;
  }
  busy_ = true;
  link_.pause_reading();
  auto alive = alive_;
  dispatching_ = true;
  handler->handle(what, [weak = std::weak_ptr<http_stage*>(alive_)](response r) {
    auto self = weak.lock();
    if (!self || !*self) return;
    (*self)->busy_ = false;
    auto within_dispatch = (*self)->dispatching_;
    (*self)->answer(r, false);
    if (!*self) return;
    if (!within_dispatch) (*self)->advance(); // else the loop in `advance` goes on
    if (*self && !(*self)->busy_ && !(*self)->resting_) (*self)->link_.resume_reading();
  });
  if (*alive) dispatching_ = false;
}

bool http_stage::upgrade(const request& what) {
  if (what.method != "GET") {
    refuse(405, "A WebSocket handshake is a GET.");
    return false;
  }
  auto& settings = *owner_.environment().settings;
  bool wrong_version = false;
  if (auto fault = handshake_fault(what, wrong_version); !fault.empty()) {
    auto r = sentence(wrong_version ? 426 : 400, fault);
    if (wrong_version) r.headers.emplace_back("Sec-WebSocket-Version", "13");
    answer(r, true);
    return false;
  }
  if (!origin_allowed(what.header("origin"), what.header("host"), settings.client.allowed_origins)) {
    refuse(403, "Pages of this origin may not connect: see client.allowed_origins.");
    return false;
  }
  const auto agreed = agree(what.header("sec-websocket-protocol"), what.parameter("format"));
  websocket::deflate_agreement deflate;
  if (settings.client.compression)
    deflate = websocket::agree_on_deflate(what.all_headers("sec-websocket-extensions"));
  if (deflate.malformed) {
    refuse(400, "Sec-WebSocket-Extensions is not a list of extensions.");
    return false;
  }
  if (!take_place()) return false;
  std::string head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: " +
                     accept_key(what.header("sec-websocket-key")) + "\r\n";
  if (!agreed.subprotocol.empty()) head += "Sec-WebSocket-Protocol: " + agreed.subprotocol + "\r\n";
  if (deflate.window != 0) head += "Sec-WebSocket-Extensions: " + deflate.answer + "\r\n";
  head += "\r\n";
  metrics::http_requests.add(1, 0);
  if (runtime::log::enabled(config::log_level::debug))
    runtime::log::debug("transport", "a client opened a WebSocket", {{"peer", link_.peer()}});
  link_.out().append(head);
  link_.mark_dirty();
  link_.clear_timer();
  auto leftover = std::move(pending_);
  const bool binary = agreed.format == protocol::format::protobuf;
  owner_.open_session(link_, protocol::codec_for(agreed.format),
                      binary ? framing::websocket_binary : framing::websocket_text, deflate.window, leftover);
  return true;
}

void http_stage::open_stream(const request& what) {
  auto read = stream::read_request(what, *owner_.environment().settings);
  if (auto* refusal = std::get_if<response>(&read)) {
    answer(*refusal, false);
    return;
  }
  if (!take_place()) return;
  auto& opening = std::get<stream_opening>(read);
  for (auto& [name, value] : cors_) opening.head.append(name).append(": ").append(value).append("\r\n");
  metrics::http_requests.add(1, 1);
  link_.out().append(opening.head + "\r\n");
  link_.mark_dirty();
  link_.clear_timer();
  owner_.open_stream(link_, std::move(opening), std::exchange(pending_, {}));
}

void http_stage::refuse(int status, std::string_view text) {
  answer(sentence(status, text), true);
}

void http_stage::answer(const response& what, bool close) {
  close = close || !keep_alive_;
  metrics::http_requests.add(1, static_cast<std::size_t>(std::clamp(what.status / 100 - 1, 0, 4)));
  auto phrase = beast_http::obsolete_reason(static_cast<beast_http::status>(what.status));
  std::string head = "HTTP/1.1 " + std::to_string(what.status) + " ";
  head.append(phrase.data(), phrase.size()).append("\r\n");
  if (what.status != 204 && what.status != 304) {
    head += "Content-Type: " + what.content_type + "\r\n";
    head += "Content-Length: " + std::to_string(what.body.size()) + "\r\n";
  }
  head += "X-Content-Type-Options: nosniff\r\n";
  for (auto& [name, value] : cors_) head.append(name).append(": ").append(value).append("\r\n");
  for (auto& [name, value] : what.headers) head.append(name).append(": ").append(value).append("\r\n");
  // HTTP/1.0 takes a connection for closing where nothing else is said.
  head += close ? "Connection: close\r\n\r\n" : old_ ? "Connection: keep-alive\r\n\r\n" : "\r\n";
  if (!head_only_ && what.status != 204 && what.status != 304) head += what.body;
  link_.out().append(head);
  link_.mark_dirty();
  if (close) return link_.finish();
  link_.settle();
  if (pending_.empty())
    link_.set_timer(keep_alive_idle);
  else
    wait_for_request(); // the next one has begun
}

} // namespace plexus::transport::http
