#include "actors/protocol/codec.hpp"

#include "actors/protocol/json_codec.hpp"
#include "actors/protocol/protobuf_codec.hpp"

namespace plexus::protocol {

const codec& codec_for(format f) noexcept {
  static const json_codec json;
  static const protobuf_codec protobuf;
  switch (f) {
  case format::json:
    break;
  case format::protobuf:
    return protobuf;
  }
  return json;
}

} // namespace plexus::protocol
