#include "transport/api/api_handler.hpp"

#include "transport/api/answer.hpp"
#include "transport/api/key_check.hpp"

#include <string_view>
#include <utility>

namespace plexus::transport::api {

using protocol::api_answer;
using protocol::api_command;
using protocol::api_error;
using protocol::api_fault;
using protocol::batch_request;
using protocol::error_code;

namespace {

/// What stands behind `/api/`; empty for `/api` itself. Another path is taken for the name of a method, which it
/// isn't.
std::string_view method_of(std::string_view path) noexcept {
  static constexpr std::string_view root = "/api/";
  if (path == root.substr(0, 4)) return {};
  return path.starts_with(root) ? path.substr(root.size()) : path;
}

http::response wrong_method() {
  auto refusal = http::sentence(405, "The HTTP API takes POST requests only.");
  refusal.headers.emplace_back("Allow", "POST");
  return refusal;
}

http::response refuse(const api_fault& fault, error_mode errors) {
  switch (fault.what) {
  case api_fault::kind::unknown_method:
    count_error(error_code::method_not_found);
    return http::sentence(404, fault.message);
  case api_fault::kind::broken_json:
    count_error(error_code::bad_request);
    return http::sentence(400, fault.message);
  case api_fault::kind::error:
    break;
  }
  count_error(fault.code);
  return render(api_error{fault.code, fault.message}, errors);
}

} // namespace

api_handler::api_handler(runtime::runtime& loops, channel::channel_router& channels, connection::directory& clients,
                         backplane::backplane& plane, cluster::cluster& nodes, settings_source settings,
                         node_identity node) :
    loops_(loops),
    settings_(std::move(settings)),
    channel_(channels),
    user_(loops, clients, nodes),
    token_(loops, plane, nodes),
    cluster_(loops, channels, clients, nodes, std::move(node)) {}

std::uint64_t api_handler::max_body(const http::request& head) const {
  const auto settings = settings_();
  return head.method == "POST" && knows_key(head, settings->api.key) ? settings->api.max_body : http::small_body;
}

http::response api_handler::too_large(const http::request& head) const {
  if (auto refusal = check_key(head, settings_()->api.key)) return *std::move(refusal);
  if (head.method != "POST") return wrong_method();
  return http::sentence(413, "The body is larger than api.max_body allows.");
}

void api_handler::handle(const http::request& what, http::respond done) {
  auto settings = settings_();
  if (auto refusal = check_key(what, settings->api.key)) {
    done(*std::move(refusal));
    return;
  }
  if (what.method != "POST") {
    done(wrong_method());
    return;
  }
  const auto errors = error_mode_of(what);
  const auto method = method_of(what.path);
  auto decoded = decode_api(method, protocol::padded_text(what.body));
  if (const auto* fault = std::get_if<api_fault>(&decoded)) {
    count_request(method);
    done(refuse(*fault, errors));
    return;
  }
  auto* home = runtime::loop::current();
  const caller from{home != nullptr ? *home : loops_.at(0), std::move(settings), open_};
  auto& request = std::get<protocol::api_request>(decoded);
  if (auto* batch = std::get_if<batch_request>(&request)) {
    run_batch(from, std::move(*batch), std::move(done));
    return;
  }
  run(from, std::get<api_command>(std::move(request)),
      [done = std::move(done), errors](const api_answer& answer) { done(render(answer, errors)); });
}

void api_handler::run(const caller& from, api_command what, answered done) {
  count_request(api_method(what));
  auto to = std::make_shared<pending>(from, std::move(done));
  std::visit(
      [&]<class Request>(Request& request) {
        if constexpr (requires { channel_.run(from, std::move(request), to); })
          channel_.run(from, std::move(request), std::move(to));
        else if constexpr (requires { user_.run(from, std::move(request), to); })
          user_.run(from, std::move(request), std::move(to));
        else if constexpr (requires { token_.run(from, std::move(request), to); })
          token_.run(from, std::move(request), std::move(to));
        else if constexpr (requires { cluster_.run(from, std::move(request), to); })
          cluster_.run(from, std::move(request), std::move(to));
        else {
          static_assert(std::is_same_v<Request, protocol::rpc_request>);
          to->tell(api_error{error_code::not_available, "nothing handles this method"});
        }
      },
      what);
}

void api_handler::run_batch(const caller& from, batch_request what, http::respond done) {
  count_request("batch");
  auto parallel = what.parallel;
  auto commands = std::make_shared<decltype(what.commands)>(std::move(what.commands));
  auto methods = std::make_shared<std::vector<std::string_view>>();
  methods->reserve(commands->size());
  for (const auto& each : *commands) {
    const auto* command = std::get_if<api_command>(&each);
    methods->push_back(command != nullptr ? api_method(*command) : std::string_view());
  }

  auto start = [this, from, commands](std::size_t index, answered on_answer) {
    auto& each = (*commands)[index];
    if (auto* command = std::get_if<api_command>(&each)) {
      run(from, std::move(*command), std::move(on_answer));
      return;
    }
    auto& fault = std::get<api_fault>(each);
    count_request({});
    std::make_shared<pending>(from, std::move(on_answer))->tell(api_error{fault.code, std::move(fault.message)});
  };
  auto finish = [methods, done = std::move(done)](std::vector<api_answer> answers) {
    std::vector<protocol::batch_reply> replies;
    replies.reserve(answers.size());
    for (std::size_t i = 0; i < answers.size(); ++i) replies.push_back({(*methods)[i], std::move(answers[i])});
    done(render(replies));
  };
  if (parallel)
    collect(commands->size(), start, std::move(finish));
  else
    collect_in_turn(commands->size(), std::move(start), std::move(finish));
}

} // namespace plexus::transport::api
