#include "actors/protocol/json_codec.hpp"

namespace plexus::protocol {

const codec& codec_for(format f) noexcept {
  static const json_codec json;
  switch (f) {
  case format::json:
    break;
  }
  return json;
}

} // namespace plexus::protocol
