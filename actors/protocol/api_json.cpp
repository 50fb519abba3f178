// Decoding of the HTTP API's requests, but those about tokens (api_json_tokens.cpp); the answers are in
// api_json_encode.cpp.

#include "actors/protocol/api.hpp"
#include "actors/protocol/api_json_decode.hpp"
#include "actors/protocol/json.hpp"

#include <array>

namespace plexus::protocol {

namespace {

using json::reader;
/// Standard base64 with its padding; false for anything else.
bool from_base64(std::string_view text, std::string& out) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static constexpr auto values = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < letters.size(); ++i)
      table[static_cast<unsigned char>(letters[i])] = static_cast<std::int8_t>(i);
    return table;
  }();
  if (text.size() % 4 != 0) return false;
  for (int pad = 0; pad < 2 && text.ends_with('='); ++pad) text.remove_suffix(1);
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const auto value = values[static_cast<unsigned char>(c)];
    if (value < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xff);
  }
  return true;
}

/// Any JSON value, `null` included, on one line.
bool one_line(reader& in, std::string& out) {
  std::string_view raw;
  if (!in.raw(raw)) return false;
  out.clear();
  json::append_one_line(out, raw);
  return true;
}

/// JSON where `null` is the same as none.
bool optional_json(reader& in, std::string& out) {
  return in.take_null() || one_line(in, out);
}

bool strings(reader& in, std::vector<std::string>& out) {
  return in.take_null() || in.array([&] { return in.string(out.emplace_back()); });
}

bool position_in(reader& in, std::optional<position>& out) {
  if (in.take_null()) return true;
  out.emplace();
  return in.object([&](std::string_view key) {
    if (key == "offset") return in.integer(out->offset);
    if (key == "epoch") return in.string(out->epoch);
    return in.skip();
  });
}

/// JSON that may come as such or as base64, under two names; base64 wins where both are there.
struct either_form {
  std::string base64;

  [[nodiscard]] bool settle(std::string& data) const {
    if (base64.empty()) return true;
    std::string bytes;
    if (!from_base64(base64, bytes) || !json::valid(bytes)) return false;
    data.clear();
    json::append_one_line(data, bytes);
    return true;
  }
};

constexpr std::string_view no_channel = "a channel is needed";
constexpr std::string_view bad_base64 = "b64data must be base64 of valid JSON";

bool publication_field(reader& in, std::string_view key, api_publication& out, either_form& binary) {
  if (key == "data") return one_line(in, out.data);
  if (key == "b64data") return in.string(binary.base64);
  if (key == "idempotency_key") return in.string(out.idempotency_key);
  if (key == "skip_history") return in.boolean(out.skip_history);
  if (key == "delta") return in.boolean(out.delta);
  if (key != "tags") return in.skip();
  return in.take_null() || in.object([&](std::string_view name) {
    return in.string(out.tags.emplace_back(std::string(name), std::string()).second);
  });
}

/// A fault of the payload, or none. Unlike other payloads a publication may be any bytes.
std::optional<api_fault> settle(api_publication& what, const either_form& binary) {
  if (!binary.base64.empty()) {
    std::string bytes;
    if (!from_base64(binary.base64, bytes)) return bad("b64data must be base64");
    what.data = std::move(bytes);
    what.binary = !json::valid(what.data);
  }
  if (what.data.empty()) return bad("data is needed");
  return std::nullopt;
}

decoded publish(reader& in) {
  publish_request out;
  either_form binary;
  const auto field = [&](std::string_view key) {
    return key == "channel" ? in.string(out.channel) : publication_field(in, key, out.what, binary);
  };
  if (!in.object(field)) return broken(in);
  if (out.channel.empty()) return bad(std::string(no_channel));
  if (auto fault = settle(out.what, binary)) return *std::move(fault);
  return out;
}

decoded broadcast(reader& in) {
  broadcast_request out;
  either_form binary;
  const auto field = [&](std::string_view key) {
    return key == "channels" ? strings(in, out.channels) : publication_field(in, key, out.what, binary);
  };
  if (!in.object(field)) return broken(in);
  if (out.channels.empty()) return bad("channels are needed");
  if (auto fault = settle(out.what, binary)) return *std::move(fault);
  return out;
}

bool target_field(reader& in, std::string_view key, api_target& out) {
  if (key == "user") return in.string(out.user);
  if (key == "client") return in.string(out.client);
  if (key == "session") return in.string(out.session);
  return in.skip();
}

decoded subscribe(reader& in) {
  subscribe_request out;
  either_form info, data;
  const auto field = [&](std::string_view key) {
    if (key == "channel") return in.string(out.channel);
    if (key == "info") return optional_json(in, out.info);
    if (key == "b64info") return in.string(info.base64);
    if (key == "data") return optional_json(in, out.data);
    if (key == "b64data") return in.string(data.base64);
    if (key == "recover_since") return position_in(in, out.recover_since);
    if (key == "expire_at") return in.integer(out.expire_at);
    return target_field(in, key, out.who);
  };
  if (!in.object(field)) return broken(in);
  if (out.channel.empty()) return bad(std::string(no_channel));
  if (!data.settle(out.data)) return bad(std::string(bad_base64));
  if (!info.settle(out.info)) return bad("b64info must be base64 of valid JSON");
  return out;
}

decoded unsubscribe(reader& in) {
  unsubscribe_request out;
  const auto field = [&](std::string_view key) {
    return key == "channel" ? in.string(out.channel) : target_field(in, key, out.who);
  };
  if (!in.object(field)) return broken(in);
  if (out.channel.empty()) return bad(std::string(no_channel));
  return out;
}

decoded disconnect(reader& in) {
  disconnect_request out;
  std::uint32_t code = 0;
  const auto how = [&](std::string_view key) {
    if (key == "code") return in.integer(code);
    if (key == "reason") return in.string(out.reason);
    return in.skip();
  };
  const auto field = [&](std::string_view key) {
    if (key == "whitelist") return strings(in, out.whitelist);
    if (key == "disconnect") return in.take_null() || in.object(how);
    return target_field(in, key, out.who);
  };
  if (!in.object(field)) return broken(in);
  if (code != 0 && (code < 3000 || code > 4999)) return bad("a disconnect code is from 3000 to 4999");
  if (code != 0) out.code = static_cast<std::uint16_t>(code);
  return out;
}

decoded refresh(reader& in) {
  refresh_request out;
  const auto field = [&](std::string_view key) {
    if (key == "expired") return in.boolean(out.expired);
    if (key == "expire_at") return in.integer(out.expire_at);
    return target_field(in, key, out.who);
  };
  if (!in.object(field)) return broken(in);
  return out;
}

/// The requests that name a channel and nothing else.
template <class Request>
decoded only_channel(reader& in) {
  Request out;
  const auto field = [&](std::string_view key) { return key == "channel" ? in.string(out.channel) : in.skip(); };
  if (!in.object(field)) return broken(in);
  if (out.channel.empty()) return bad(std::string(no_channel));
  return out;
}

decoded history(reader& in) {
  history_request out;
  const auto field = [&](std::string_view key) {
    if (key == "channel") return in.string(out.channel);
    if (key == "limit") return in.integer(out.limit);
    if (key == "since") return position_in(in, out.since);
    if (key == "reverse") return in.boolean(out.reverse);
    return in.skip();
  };
  if (!in.object(field)) return broken(in);
  if (out.channel.empty()) return bad(std::string(no_channel));
  return out;
}

decoded channels(reader& in) {
  channels_request out;
  if (!in.object([&](std::string_view key) { return key == "pattern" ? in.string(out.pattern) : in.skip(); }))
    return broken(in);
  return out;
}

decoded info(reader& in) {
  if (!in.object([&](std::string_view) { return in.skip(); })) return broken(in);
  return info_request{};
}

decoded rpc(reader& in) {
  rpc_request out;
  std::string params;
  const auto field = [&](std::string_view key) {
    if (key == "method") return in.string(out.method);
    if (key == "data") return one_line(in, out.data);
    if (key == "params") return one_line(in, params);
    return in.skip();
  };
  if (!in.object(field)) return broken(in);
  if (out.data.empty()) out.data = std::move(params);
  return out;
}

struct api_name {
  std::string_view name;
  decoded (*decode)(reader&);
};

// In the order of `api_command`: `api_method` finds a name by its place.
constexpr std::array api_names{
    api_name{"publish", publish},
    api_name{"broadcast", broadcast},
    api_name{"subscribe", subscribe},
    api_name{"unsubscribe", unsubscribe},
    api_name{"disconnect", disconnect},
    api_name{"refresh", refresh},
    api_name{"presence", only_channel<presence_request>},
    api_name{"presence_stats", only_channel<presence_stats_request>},
    api_name{"history", history},
    api_name{"history_remove", only_channel<history_remove_request>},
    api_name{"channels", channels},
    api_name{"info", info},
    api_name{"invalidate_user_tokens", decode_invalidate_user_tokens},
    api_name{"revoke_token", decode_revoke_token},
    api_name{"block_user", decode_block_user},
    api_name{"unblock_user", decode_unblock_user},
    api_name{"rpc", rpc},
};
static_assert(api_names.size() == std::variant_size_v<api_command>);

const api_name* find_name(std::string_view method) noexcept {
  for (const auto& known : api_names)
    if (known.name == method) return &known;
  return nullptr;
}

using decoded_request = std::variant<api_request, api_fault>;

/// One object of a batch, `{"METHOD":{...}}`. False: the whole body is broken.
bool read_batch_item(reader& in, decoded& out) {
  bool has_one = false;
  out = api_fault{api_fault::kind::error, error_code::method_not_found, "a batch has no such method"};
  return in.object([&](std::string_view key) {
    if (in.take_null()) return true;
    const auto* known = find_name(key);
    if (known == nullptr) return in.skip();
    if (has_one) {
      out = bad("one object of a batch holds one command");
      return in.skip();
    }
    has_one = true;
    out = known->decode(in);
    return in.why() == reader::fault::none;
  });
}

decoded_request decode_batch(reader& in) {
  batch_request out;
  const auto item = [&] { return read_batch_item(in, out.commands.emplace_back()); };
  const auto field = [&](std::string_view key) {
    if (key == "commands") return in.take_null() || in.array(item);
    if (key == "parallel") return in.boolean(out.parallel);
    return in.skip();
  };
  if (!in.object(field)) return broken(in);
  return out;
}

decoded_request decode_method(std::string_view method, reader& in) {
  if (method == "batch") return decode_batch(in);
  const auto* known = find_name(method);
  if (known == nullptr)
    return api_fault{api_fault::kind::unknown_method, error_code::method_not_found,
                     "there is no method " + std::string(method)};
  auto out = known->decode(in);
  if (auto* fault = std::get_if<api_fault>(&out)) return std::move(*fault);
  return std::get<api_command>(std::move(out));
}

decoded_request decode_body(std::string_view method, std::string_view body) {
  reader in(body);
  auto out = decode_method(method, in);
  // A body that goes on after its object is broken, whatever stood in it.
  if (in.why() == reader::fault::none && !in.finish()) {
    const auto* fault = std::get_if<api_fault>(&out);
    if (fault == nullptr || fault->what == api_fault::kind::error) return broken(in);
  }
  return out;
}

} // namespace

std::variant<api_request, api_fault> decode_api(std::string_view method, const padded_text& body) {
  if (!method.empty()) return decode_body(method, body.view());
  reader in(body.view());
  std::string name;
  std::string_view params = "{}";
  const auto field = [&](std::string_view key) {
    if (key == "method") return in.string(name);
    if (key == "params") return in.take_null() || in.raw(params);
    return in.skip();
  };
  if (!in.object(field) || !in.finish()) return broken(in);
  if (name.empty())
    return api_fault{api_fault::kind::unknown_method, error_code::method_not_found, "a method is needed"};
  return decode_body(name, params);
}

std::vector<std::string_view> api_methods() {
  std::vector<std::string_view> out;
  for (const auto& known : api_names) out.push_back(known.name);
  out.emplace_back("batch");
  return out;
}

std::string_view api_method(const api_command& what) noexcept {
  return api_names[what.index()].name;
}

} // namespace plexus::protocol
