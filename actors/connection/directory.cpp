#include "actors/connection/directory.hpp"

#include "actors/connection/client.hpp"

#include <algorithm>

namespace plexus::connection {

void client_list::add(client& who) {
  who.list_index = all_.size();
  all_.push_back(&who);
  if (!who.user().empty()) by_user_.emplace(who.user(), &who);
}

void client_list::remove(client& who) {
  auto* last = all_.back();
  all_[who.list_index] = last;
  last->list_index = who.list_index;
  all_.pop_back();
  remove(by_user_, who.user(), who);
}

void client_list::let_go(std::string_view id, client& who) {
  remove(by_token_, id, who);
}

void client_list::remove(named& from, std::string_view name, client& who) {
  auto [begin, end] = from.equal_range(name);
  for (auto i = begin; i != end; ++i)
    // A client may be there twice under one name: then the one whose string is about to go.
    if (i->second == &who && i->first.data() == name.data()) {
      from.erase(i);
      break;
    }
}

void client_list::each_of(const named& in, std::string_view name, const std::function<void(client&)>& work) {
  std::vector<client*> found; // `work` may change the list
  auto [begin, end] = in.equal_range(name);
  for (auto i = begin; i != end; ++i) found.push_back(i->second);
  for (auto* c : found) work(*c);
}

void client_list::each_of(std::string_view user, const std::function<void(client&)>& work) const {
  each_of(by_user_, user, work);
}

void client_list::each_holding(std::string_view id, const std::function<void(client&)>& work) const {
  each_of(by_token_, id, work);
}

void client_list::each(const std::function<void(client&)>& work) const {
  auto copy = all_;
  for (auto* c : copy) work(*c);
}

std::vector<std::string_view> client_list::users() const {
  std::vector<std::string_view> out;
  for (auto i = by_user_.begin(); i != by_user_.end(); i = by_user_.equal_range(i->first).second)
    out.push_back(i->first);
  return out;
}

bool directory::take_place(const std::string& user, std::size_t limit) {
  if (limit == 0 || user.empty()) return true;
  std::lock_guard guard(mutex_);
  auto& count = places_[user];
  if (count >= limit) return false;
  ++count;
  return true;
}

void directory::give_place(const std::string& user) {
  std::lock_guard guard(mutex_);
  auto i = places_.find(user);
  if (i != places_.end() && --i->second == 0) places_.erase(i);
}

} // namespace plexus::connection
