#pragma once
// Pages as they travel: the place in the order as JSON, and pages of several loops or nodes joined to one.

#include "actors/admin/fwd.hpp"
#include "actors/admin/page_of.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plexus::admin {

/// `[number, text]`, as an answer gave it in `next`; null: from the begin. Throws `refusal` for anything else.
std::optional<sort_key> read_cursor(const json& from);
json write_cursor(const sort_key& key);

/// `{NAME: [rows], "matched", "next"}`; `rows` of several sources in any order, each with its key, which stays in
/// the row as `key` so that pages of nodes can be joined in turn. `next` is null at the end.
json page_json(const char* name, std::vector<std::pair<sort_key, json>> rows, std::size_t limit,
               std::size_t matched, bool more);
/// Joins what `page_json` of several nodes made. `merge`, where given, puts a row into an earlier one of the same
/// key.
json join_pages(const char* name, std::vector<json> pages, std::size_t limit,
                void (*merge)(json& into, const json& from) = nullptr);

} // namespace plexus::admin
