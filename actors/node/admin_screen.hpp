#pragma once
// Answers of the admin WebSocket for people: tables and lines. Pure.

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace plexus::node {

/// What `plexus admin` prints of an answer to `method`.
std::string show_answer(const std::string& method, const nlohmann::json& result);

/// What `plexus top` shows: `nodes`, `queues` (connections by their queue) and `channels` (by rate) as answered.
/// `columns` of the terminal; longer lines are cut.
std::string show_overview(const nlohmann::json& nodes, const nlohmann::json& queues, const nlohmann::json& channels,
                          std::size_t columns);

/// Control characters of the outside become `?`: a name must not drive the terminal.
std::string printable(const std::string& text);

} // namespace plexus::node
