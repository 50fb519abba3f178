#include "actors/protocol/broadcast.hpp"

namespace plexus::protocol {

const std::string& broadcast::bytes(format f) const {
  auto& made = forms_[static_cast<std::size_t>(f)];
  std::call_once(made.once, [&] { codec_for(f).encode(made.bytes, *channel_, what_); });
  return made.bytes;
}

} // namespace plexus::protocol
