#include "actors/connection/client_internal.hpp"

#include <algorithm>

namespace plexus::connection::metrics {

namespace {

std::vector<std::string> error_codes() {
  std::vector<std::string> out;
  for (auto& e : protocol::errors()) out.push_back(std::to_string(static_cast<int>(e.code)));
  out.emplace_back("other"); // a plugin's
  return out;
}

std::vector<std::string> disconnect_codes() {
  std::vector<std::string> out;
  for (auto& d : protocol::disconnects()) out.push_back(std::to_string(static_cast<int>(d.code)));
  out.emplace_back("other");
  return out;
}

const runtime::metrics::counter errors{"plexus_client_errors_total", "Commands answered with an error, by code.",
                                       "code", error_codes()};
const runtime::metrics::counter disconnects{"plexus_client_disconnects_total",
                                            "Connections that this node closed, by close code.", "code",
                                            disconnect_codes()};

// By `token_fault`, then by `denial` without its none.
const runtime::metrics::counter refused{"plexus_tokens_refused_total",
                                        "Tokens that were refused, by why.",
                                        "reason",
                                        {"invalid", "expired", "undecided", "blocked", "revoked"}};

} // namespace

// In the order of the variant `protocol::command::body`.
const runtime::metrics::counter commands{"plexus_client_commands_total",
                                         "Commands of clients, by kind.",
                                         "command",
                                         {"pong", "connect", "subscribe", "unsubscribe", "publish", "presence",
                                          "presence_stats", "history", "rpc", "refresh", "sub_refresh", "send"}};

const runtime::metrics::counter rate_limited{
    "plexus_client_rate_limited_total", "Commands over client.rate, by the rate.", "rate", {"commands", "bytes"}};

void count_error(protocol::error_code code) {
  const auto& known = protocol::entry(code);
  errors.add(1, known.code == code ? static_cast<std::size_t>(&known - protocol::errors().data())
                                   : protocol::errors().size());
}

void count_disconnect(std::uint16_t code) {
  auto all = protocol::disconnects();
  auto at =
      std::find_if(all.begin(), all.end(), [code](auto& d) { return static_cast<std::uint16_t>(d.code) == code; });
  disconnects.add(1, static_cast<std::size_t>(at - all.begin()));
}

void count_refused(token_fault why) {
  refused.add(1, static_cast<std::size_t>(why));
}

void count_refused(denial why) {
  refused.add(1, static_cast<std::size_t>(token_fault::undecided) + static_cast<std::size_t>(why));
}

} // namespace plexus::connection::metrics
