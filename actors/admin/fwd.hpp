#pragma once
// What the files of this folder share.

#include <nlohmann/json_fwd.hpp>

#include <functional>

namespace plexus::admin {

using json = nlohmann::json;

/// Takes `{"result": ...}` or `{"error": {"code", "message"}}`; called once.
using answered = std::function<void(json)>;

} // namespace plexus::admin
