#include "actors/admin/pages.hpp"

#include "actors/admin/params.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace plexus::admin {

constexpr std::size_t max_cursor = 16 * 1024; // user names and channels may be long

std::optional<sort_key> read_cursor(const json& from) {
  if (from.is_null()) return std::nullopt;
  if (!from.is_array() || from.size() != 2 || !from[0].is_number() || !from[1].is_string() ||
      from[1].get_ref<const std::string&>().size() > max_cursor)
    throw refusal{protocol::error_code::bad_request, "\"after\": expected what an answer gave as \"next\""};
  return sort_key{from[0].get<double>(), from[1].get<std::string>()};
}

json write_cursor(const sort_key& key) {
  return json::array({key.number, key.text});
}

json page_json(const char* name, std::vector<std::pair<sort_key, json>> rows, std::size_t limit,
               std::size_t matched, bool more) {
  std::sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.first.before(b.first); });
  if (rows.size() > limit) {
    rows.resize(limit);
    more = true;
  }
  auto list = json::array();
  for (auto& [key, row] : rows) {
    row["key"] = write_cursor(key);
    list.push_back(std::move(row));
  }
  json out{{"matched", matched}, {"next", nullptr}};
  if (more && !rows.empty()) out["next"] = write_cursor(rows.back().first);
  out[name] = std::move(list);
  return out;
}

json join_pages(const char* name, std::vector<json> pages, std::size_t limit,
                void (*merge)(json& into, const json& from)) {
  std::vector<std::pair<sort_key, json>> rows;
  std::size_t matched = 0;
  bool more = false;
  for (auto& page : pages) {
    matched += page["matched"].get<std::size_t>();
    more = more || !page["next"].is_null();
    for (auto& row : page[name]) {
      auto cursor = read_cursor(row["key"]);
      if (!cursor) throw refusal{protocol::error_code::internal, "a row without a key"}; // its node's answer is odd
      auto& key = *cursor;
      if (merge) {
        auto same = std::find_if(rows.begin(), rows.end(), [&](auto& r) { return r.first.text == key.text; });
        if (same != rows.end()) {
          merge(same->second, row);
          if (key.before(same->first)) same->first = std::move(key);
          continue;
        }
      }
      rows.emplace_back(std::move(key), std::move(row));
    }
  }
  return page_json(name, std::move(rows), limit, matched, more);
}

} // namespace plexus::admin
