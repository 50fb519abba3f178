#include "actors/connection/token_claims.hpp"

#include "actors/protocol/json.hpp"
#include "actors/protocol/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace plexus::connection {

namespace {

using json = nlohmann::ordered_json; // `subs` in the order they were written

/// Of what passes through to other clients, who may read it recursing.
constexpr int max_depth = 64;
/// The end of the year 9999: sums and milliseconds of such times don't overflow.
constexpr std::int64_t last_time = 253'402'300'799;

/// A claim isn't what it has to be. Thrown only in here, after the signature was found good.
struct bad_claim {};

void require(bool good) {
  if (!good) throw bad_claim();
}

std::string text_claim(const json& body, const char* name) {
  const auto it = body.find(name);
  if (it == body.end()) return {};
  require(it->is_string());
  return it->get_ref<const std::string&>();
}

bool is_shallow(const json& value, int depth) {
  if (!value.is_structured()) return true;
  return depth > 0 &&
         std::all_of(value.begin(), value.end(), [&](const json& x) { return is_shallow(x, depth - 1); });
}

/// What passes through to other clients, as its author wrote it: writing it anew would change numbers.
struct passed_on {
  std::string info;
  struct sub {
    std::string info, data;
  };
  std::unordered_map<std::string, sub> subs;
};

/// Of what stands there twice the last one holds, as in `body`.
passed_on read_passed_on(std::string_view payload) {
  passed_on out;
  protocol::json::reader read(payload);
  const auto text = [&](std::string& to) {
    std::string_view found;
    if (!read.raw(found)) return false;
    to.clear();
    protocol::json::append_one_line(to, found);
    return true;
  };
  require(read.object([&](std::string_view claim) {
    if (claim == "info") return text(out.info);
    if (claim != "subs") return read.skip();
    out.subs.clear();
    return read.object([&](std::string_view channel) {
      auto& sub = out.subs[std::string(channel)] = {};
      return read.object([&](std::string_view option) {
        return option == "info" ? text(sub.info) : option == "data" ? text(sub.data) : read.skip();
      });
    });
  }));
  return out;
}

void require_shallow(const json& body, const char* name) {
  if (const auto it = body.find(name); it != body.end()) require(is_shallow(*it, max_depth));
}

enum class rounding { down, up };

std::optional<std::int64_t> time_claim(const json& body, const char* name, rounding to) {
  const auto it = body.find(name);
  if (it == body.end()) return std::nullopt;
  require(it->is_number());
  // Whole seconds up to last_time are exact in a double.
  const double value = it->get<double>();
  const double whole = to == rounding::down ? std::floor(value) : std::ceil(value);
  constexpr auto limit = static_cast<double>(last_time);
  return static_cast<std::int64_t>(std::clamp(whole, -limit, limit));
}

std::vector<std::string> list_claim(const json& body, const char* name) {
  std::vector<std::string> out;
  const auto it = body.find(name);
  if (it == body.end()) return out;
  require(it->is_array());
  out.reserve(it->size());
  for (const json& item : *it) {
    require(item.is_string());
    out.push_back(item.get_ref<const std::string&>());
  }
  return out;
}

std::vector<token_sub> subs_claim(const json& body, passed_on& texts) {
  std::vector<token_sub> out;
  std::unordered_set<std::string> seen;
  if (const auto it = body.find("subs"); it != body.end()) {
    require(it->is_object());
    for (const auto& [channel, options] : it->items()) {
      require(options.is_object());
      require_shallow(options, "info");
      require_shallow(options, "data");
      auto& text = texts.subs[channel];
      out.push_back({channel, std::move(text.info), std::move(text.data)});
      seen.insert(channel);
    }
  }
  for (auto& channel : list_claim(body, "channels"))
    if (seen.insert(channel).second) out.push_back({std::move(channel), {}, {}});
  return out;
}

rights rights_of(const json& can) {
  require(can.is_object());
  return {list_claim(can, "subscribe"), list_claim(can, "publish"), list_claim(can, "presence"),
          list_claim(can, "history")};
}

bool is_for(const json& body, const std::string& audience) {
  if (audience.empty()) return true;
  const auto it = body.find("aud");
  if (it == body.end()) return false;
  if (it->is_string()) return it->get_ref<const std::string&>() == audience;
  const auto all = list_claim(body, "aud");
  return std::find(all.begin(), all.end(), audience) != all.end();
}

std::variant<claims, token_fault> judged(std::string_view payload, const config::token_section& wanted,
                                         std::int64_t now, expiry minded) {
  const auto body = json::parse(payload, nullptr, false);
  require(body.is_object());
  if (!is_for(body, wanted.audience)) return token_fault::invalid;
  if (!wanted.issuer.empty() && text_claim(body, "iss") != wanted.issuer) return token_fault::invalid;
  if (time_claim(body, "nbf", rounding::up).value_or(now) > now) return token_fault::invalid;

  claims out;
  out.user = text_claim(body, "sub");
  require_shallow(body, "info");
  passed_on texts;
  if (body.contains("info") || body.contains("subs")) texts = read_passed_on(payload);
  out.info = std::move(texts.info);
  out.id = text_claim(body, "jti");
  out.client = text_claim(body, "client");
  out.channel = text_claim(body, "channel");
  out.expires_at = time_claim(body, "exp", rounding::down);
  out.issued_at = time_claim(body, "iat", rounding::down);
  out.subs = subs_claim(body, texts);
  out.admin = text_claim(body, "admin");
  if (const auto can = body.find("can"); can != body.end()) out.can = rights_of(*can);
  if (minded == expiry::ignored) out.expires_at.reset();
  if (out.expires_at && *out.expires_at <= now) return token_fault::expired; // last: everything else is good
  return out;
}

} // namespace

std::variant<claims, token_fault> judge(std::string_view payload, const config::token_section& wanted,
                                        std::int64_t now, expiry minded) {
  try {
    return judged(payload, wanted, now, minded);
  } catch (...) { // a bad claim, or a number or a memory that nlohmann has no room for
    return token_fault::invalid;
  }
}

bool is_rights(std::string_view can) {
  try {
    rights_of(json::parse(can, nullptr, false));
    return true;
  } catch (...) {
    return false;
  }
}

} // namespace plexus::connection
