// Decoding of the HTTP API's requests about tokens and who may connect.

#include "actors/protocol/api_json_decode.hpp"

namespace plexus::protocol {

using json::reader;

api_fault broken(const reader& in) {
  std::string message = "the body is not a JSON object";
  if (in.why() == reader::fault::type && !in.field().empty())
    message = "the field " + std::string(in.field()) + " is of the wrong type";
  return {api_fault::kind::broken_json, error_code::bad_request, std::move(message)};
}

api_fault bad(std::string message) {
  return {api_fault::kind::error, error_code::bad_request, std::move(message)};
}

namespace {

constexpr std::string_view no_user = "a user is needed";

} // namespace

decoded decode_invalidate_user_tokens(reader& in) {
  invalidate_user_tokens_request out;
  const auto field = [&](std::string_view key) {
    if (key == "user") return in.string(out.user);
    if (key == "issued_before") return in.take_null() || in.integer(out.issued_before);
    if (key == "expire_at") return in.take_null() || in.integer(out.expire_at);
    return in.skip();
  };
  if (!in.object(field)) return broken(in);
  if (out.user.empty()) return bad(std::string(no_user));
  if (out.issued_before < 0) return bad("issued_before lies before all time");
  return out;
}

decoded decode_revoke_token(reader& in) {
  revoke_token_request out;
  const auto field = [&](std::string_view key) {
    if (key == "uid") return in.string(out.uid);
    if (key == "expire_at") return in.take_null() || in.integer(out.expire_at);
    return in.skip();
  };
  if (!in.object(field)) return broken(in);
  if (out.uid.empty()) return bad("a uid is needed: the token's jti");
  return out;
}

decoded decode_block_user(reader& in) {
  block_user_request out;
  const auto field = [&](std::string_view key) {
    if (key == "user") return in.string(out.user);
    if (key == "expire_at") return in.take_null() || in.integer(out.expire_at);
    return in.skip();
  };
  if (!in.object(field)) return broken(in);
  if (out.user.empty()) return bad(std::string(no_user));
  return out;
}

decoded decode_unblock_user(reader& in) {
  unblock_user_request out;
  if (!in.object([&](std::string_view key) { return key == "user" ? in.string(out.user) : in.skip(); }))
    return broken(in);
  if (out.user.empty()) return bad(std::string(no_user));
  return out;
}

} // namespace plexus::protocol
