#include "actors/protocol/emulation.hpp"

#include "actors/protocol/json_reader.hpp"
#include "actors/protocol/protobuf_fields.hpp"

#include <protozero/pbf_reader.hpp>

namespace plexus::protocol {

namespace {

bool read_json(std::string_view body, emulation_request& out) {
  std::string_view data;
  bool has_data = false;
  json::reader in(body);
  const auto field = [&](std::string_view key) {
    if (key == "session") return in.string(out.session);
    if (key == "node") return in.string(out.node);
    if (key != "data") return in.skip();
    has_data = true;
    return in.string(data);
  };
  if (!in.object(field) || !in.finish() || !has_data) return false;
  out.message = padded_text(data);
  return true;
}

bool read_protobuf(std::string_view body, emulation_request& out) {
  namespace field = protobuf::field::emulation_request;
  using protozero::pbf_wire_type;
  try {
    for (protozero::pbf_reader in(body.data(), body.size()); in.next();) {
      switch (in.tag_and_type()) {
      case protozero::tag_and_type(field::node, pbf_wire_type::length_delimited):
        out.node = in.get_string();
        break;
      case protozero::tag_and_type(field::session, pbf_wire_type::length_delimited):
        out.session = in.get_string();
        break;
      case protozero::tag_and_type(field::data, pbf_wire_type::length_delimited): {
        const auto data = in.get_view();
        out.message = padded_text({data.data(), data.size()});
        break;
      }
      default:
        in.skip();
      }
    }
    return true;
  } catch (const protozero::exception&) {
    return false; // how it reports broken wire data
  }
}

} // namespace

std::optional<emulation_request> read_emulation(format f, std::string_view body) {
  emulation_request out;
  if (!(f == format::json ? read_json(body, out) : read_protobuf(body, out)) || out.session.empty())
    return std::nullopt;
  return out;
}

} // namespace plexus::protocol
