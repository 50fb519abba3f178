// What reaches the node besides clients' commands: the envelope of /emulation, a PROXY header, X-Forwarded-For, a
// key set. Input: which of them, then its text; for the PROXY header a seed for the cuts before it.

#include "actors/connection/public_key.hpp"
#include "actors/protocol/emulation.hpp"
#include "tests/fuzz/input.hpp"
#include "transport/front/forwarded.hpp"
#include "transport/front/proxy_header.hpp"

#include <algorithm>
#include <vector>

using namespace plexus;
using namespace plexus::transport;

namespace {

void emulation(protocol::format how, std::string_view body) {
  const auto got = protocol::read_emulation(how, body);
  if (!got) return;
  fuzz::require(!got->session.empty(), "a request without a session is good");
  fuzz::require(got->session.size() + got->node.size() + got->message.size() <= body.size(),
                "more was read than there is");
}

/// How the header ends when its bytes come in pieces of up to `most`, and what is left for the client.
std::pair<front::proxy_header, std::size_t> fed(std::string_view text, std::size_t most, fuzz::dice& cuts,
                                                front::proxy_header::state& how) {
  front::proxy_header header;
  std::size_t used = 0;
  how = front::proxy_header::state::more;
  while (used < text.size() && how == front::proxy_header::state::more) {
    std::string piece(text.substr(used, 1 + cuts.below(most)));
    std::span<char> bytes(piece);
    how = header.feed(bytes);
    used += piece.size() - bytes.size();
    fuzz::require(how != front::proxy_header::state::more || bytes.empty(), "it wants more and leaves some");
  }
  return {std::move(header), used};
}

void proxy(fuzz::dice cuts, std::string_view text) {
  using state = front::proxy_header::state;
  state whole{}, cut{};
  const auto [one, used] = fed(text, text.size() + 1, cuts, whole);
  const auto [other, also] = fed(text, 5, cuts, cut);
  fuzz::require(whole == cut, "the cuts decide");
  fuzz::require(used <= front::proxy_header::max_size, "a header longer than any may be");
  if (whole != state::done) return;
  fuzz::require(used == also && one.address() == other.address() && one.port() == other.port(), "the cuts decide");
}

void forwarded(std::string_view list) {
  static const auto peer = *config::parse_address("10.0.0.1");
  static const std::vector<config::ip_network> nobody;
  static const std::vector<config::ip_network> some{*config::parse_network("10.0.0.0/8"),
                                                    *config::parse_network("2001:db8::/32")};
  const std::string text(list);
  fuzz::require(front::client_of({{"x-forwarded-for", text}}, peer, nobody) == peer, "a stranger was believed");
  const auto client = front::client_of({{"x-forwarded-for", text}}, peer, some);
  fuzz::require(config::parse_address(config::to_string(client)) == client, "an address that can't be written");
  // Several headers are one list.
  front::header_list cut;
  for (std::string_view rest = text;;) {
    const auto comma = rest.find(',');
    cut.emplace_back("x-forwarded-for", rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  fuzz::require(front::client_of(cut, peer, some) == client, "a list in several headers is another list");
}

void key_set(std::string_view text) {
  using connection::algorithm;
  const auto set = connection::keys_of_jwks(text);
  fuzz::require(set.fault.empty() || set.keys.empty(), "keys of a set that can't be used");
  fuzz::require(set.keys.size() <= connection::max_set_keys, "more keys than a set may have");
  for (const auto& key : set.keys) {
    for (auto by : {algorithm::hs256, algorithm::hs384, algorithm::hs512})
      fuzz::require(!key.fits(by), "a public key for an HMAC");
    for (auto by : {algorithm::rs256, algorithm::es256, algorithm::es384, algorithm::eddsa})
      fuzz::require(!key.verifies(by, "text", std::string(64, 's')), "a signature that nobody made");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  switch (in.byte() % 5) {
  case 0:
    emulation(protocol::format::json, in.rest());
    break;
  case 1:
    emulation(protocol::format::protobuf, in.rest());
    break;
  case 2: {
    const fuzz::dice cuts(in.byte());
    proxy(cuts, in.rest());
    break;
  }
  case 3:
    forwarded(in.rest());
    break;
  default:
    key_set(in.rest());
  }
  return 0;
}
