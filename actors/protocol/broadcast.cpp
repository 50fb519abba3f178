#include "actors/protocol/broadcast.hpp"

#include "actors/protocol/fossil_delta.hpp"

namespace plexus::protocol {

broadcast::form& broadcast::made(format f, data_form how) const {
  const auto which = static_cast<std::size_t>(f);
  const auto encoded = [&](form& to, const push& what) -> form& {
    once(to.encoded, [&] { codec_for(f).encode(to.bytes, *channel_, what); });
    return to;
  };
  if (how == data_form::plain || !deltas_) return encoded(forms_[which], what_);
  auto& d = *deltas_;
  const auto& publication = std::get<publication_push>(what_).what;
  // JSON readers have bytes that are no text in base64: what they have is not what was published.
  const auto text = [&] { return !publication->binary && !d.before->binary; };
  if (how == data_form::delta && d.before && (f != format::json || text())) {
    once(d.compared, [&] { d.delta = make_fossil_delta(d.before->data, publication->data); });
    if (!d.delta.empty())
      return encoded(d.changed[which], publication_push{publication, data_form::delta, d.delta});
  }
  return encoded(d.whole[which], publication_push{publication, data_form::whole, {}});
}

const std::string& broadcast::bytes(format f, data_form how) const {
  return made(f, how).bytes;
}

const std::string& broadcast::packed(format f, std::string (*pack)(std::string_view), data_form how) const {
  auto& from = made(f, how);
  once(from.is_packed, [&] { from.packed = pack(from.bytes); });
  return from.packed;
}

} // namespace plexus::protocol
