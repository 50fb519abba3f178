#include "actors/protocol/broadcast.hpp"

namespace plexus::protocol {

const std::string& broadcast::bytes(format f) const {
  auto& made = forms_[static_cast<std::size_t>(f)];
  std::call_once(made.once, [&] { codec_for(f).encode(made.bytes, *channel_, what_); });
  return made.bytes;
}

const std::string& broadcast::packed(format f, std::string (*pack)(std::string_view)) const {
  auto& made = packed_[static_cast<std::size_t>(f)];
  std::call_once(made.once, [&] { made.bytes = pack(bytes(f)); });
  return made.bytes;
}

} // namespace plexus::protocol
