#include "tests/instructions/common.hpp"

#include "actors/connection/token.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace instruction_scenario {

using namespace plexus;
using namespace std::chrono_literals;

config::settings settings() {
  config::settings all;
  all.client.token.hmac_secrets = {"not much of a secret, but long enough"};
  all.default_channel.subscribe = config::access::user;
  all.default_channel.publish = config::access::subscriber;
  config::channel_options log;
  log.history_size = 1000;
  log.history_ttl = 1h;
  log.presence = true;
  log.join_leave = config::offer::always;
  all.namespaces["log"] = log;
  return all;
}

std::string token_of(std::size_t user) {
  return connection::mint_token(settings().client.token, "user " + std::to_string(user), "", 0s,
                                R"({"subscribe":["log:*"],"publish":["log:*"]})", 1'700'000'000);
}

std::string data(std::size_t number) {
  auto digits = std::to_string(number);
  auto out = R"({"number":")" + digits + R"(","text":"the quick brown fox )";
  return out + std::string(64 - 2 - out.size(), '.') + "\"}";
}

std::size_t count_of(std::string_view what, std::string_view in) {
  std::size_t n = 0;
  for (auto at = in.find(what); at != std::string_view::npos; at = in.find(what, at + what.size())) ++n;
  return n;
}

int carry_out(const char* program, const std::function<void()>& all) {
  try {
    all();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", program, e.what());
    return EXIT_FAILURE;
  }
  std::printf("compiler %s\n", __VERSION__);
  return EXIT_SUCCESS;
}

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

} // namespace instruction_scenario
