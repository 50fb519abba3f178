#include "actors/admin/audit.hpp"

#include "actors/admin/params.hpp"
#include "actors/runtime/log.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

void audit::write(const std::string& by, const std::string& action, const json& with, const std::string& reason,
                  const std::string& outcome) {
  // As a warning: what was done is to be found whatever the level.
  runtime::log::warn("audit", action,
                     {{"by", by}, {"with", to_text(with)}, {"reason", reason}, {"outcome", outcome}});
  auto entry = std::make_shared<const json>(json{{"time", std::chrono::duration_cast<std::chrono::milliseconds>(
                                                              std::chrono::system_clock::now().time_since_epoch())
                                                              .count()},
                                                 {"by", by},
                                                 {"action", action},
                                                 {"with", with},
                                                 {"reason", reason},
                                                 {"outcome", outcome}});
  std::lock_guard guard(mutex_);
  entries_.push_front(std::move(entry));
  if (entries_.size() > kept) entries_.pop_back();
}

json audit::read(std::size_t most) const {
  std::lock_guard guard(mutex_);
  auto out = json::array();
  for (auto& e : entries_) {
    if (out.size() == most) break;
    out.push_back(*e);
  }
  return out;
}

} // namespace plexus::admin
