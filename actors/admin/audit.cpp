#include "actors/admin/audit.hpp"

#include "actors/admin/params.hpp"
#include "actors/runtime/log.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace plexus::admin {

namespace {

/// The parameters weren't checked yet: anything may stand in them.
json cut(const json& with, std::string& text) {
  if (text.size() <= audit::max_with) return with;
  text.resize(audit::max_with);
  return {{"cut", text}};
}

} // namespace

void audit::refused(const std::string& by, const std::string& action, const json& with, const std::string& why) {
  std::uint64_t others = 0;
  {
    std::lock_guard guard(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (refused_at_ != std::chrono::steady_clock::time_point{} && now - refused_at_ < std::chrono::seconds(1)) {
      ++left_out_;
      return;
    }
    refused_at_ = now;
    others = std::exchange(left_out_, 0);
  }
  auto shown = with;
  if (shown.is_object()) shown.erase("data");
  write(by, action, shown, {},
        "refused: " + why + (others > 0 ? " (and " + std::to_string(others) + " before)" : ""));
}

void audit::write(const std::string& by, const std::string& action, const json& with, const std::string& reason,
                  const std::string& outcome) {
  auto text = to_text(with);
  const auto shown = cut(with, text);
  // As a warning: what was done is to be found whatever the level.
  runtime::log::warn("audit", action, {{"by", by}, {"with", text}, {"reason", reason}, {"outcome", outcome}});
  auto entry = std::make_shared<const json>(json{{"time", std::chrono::duration_cast<std::chrono::milliseconds>(
                                                              std::chrono::system_clock::now().time_since_epoch())
                                                              .count()},
                                                 {"by", by},
                                                 {"action", action},
                                                 {"with", shown},
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
