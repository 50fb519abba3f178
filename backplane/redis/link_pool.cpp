#include "backplane/redis/link_pool.hpp"

#include "backplane/redis/reply.hpp"

#include <algorithm>
#include <utility>

namespace plexus::backplane::redis {

lane::lane(std::shared_ptr<link_pool> of, endpoint where) : pool_(std::move(of)), where_(std::move(where)) {}

lane::~lane() {
  close();
}

void lane::open(std::function<void()> opened, std::function<void(const std::string&)> broken) {
  opened_ = std::move(opened);
  broken_ = std::move(broken);
  pool_->join(*this);
}

void lane::up() {
  if (auto tell = std::exchange(opened_, nullptr); tell && !closed_) tell();
}

void lane::broke(const std::string& why) {
  if (closed_) return;
  closed_ = true;
  opened_ = nullptr;
  if (auto tell = std::exchange(broken_, nullptr)) tell(why);
}

void lane::send(const std::vector<std::string_view>& words, link::on_reply then) {
  if (closed_ || !wire_) return;
  sent_.push_back(link::clock::now());
  wire_->send(words, [self = weak_from_this(), then = std::move(then)](const answer_ptr& a) {
    const auto here = self.lock();
    if (!here || here->closed_) return;
    here->sent_.pop_front();
    then(a);
  });
}

void lane::await_replica(const replica_patience& with, std::function<void(bool)> then) {
  const auto found = pool_->wires_.find(to_string(where_));
  if (closed_ || found == pool_->wires_.end() || found->second.line != wire_) return;
  found->second.to_wait.push_back([self = weak_from_this(), then = std::move(then)](bool has_it) {
    if (const auto here = self.lock(); here && !here->closed_) then(has_it);
  });
  pool_->wait(where_, with);
}

void lane::load(const std::vector<std::string_view>& scripts, bool again, on_loaded then) {
  const auto found = pool_->wires_.find(to_string(where_));
  if (closed_ || found == pool_->wires_.end() || found->second.line != wire_) return;
  auto& w = found->second;
  if (again) w.hashes.clear();
  if (!w.hashes.empty()) return then(w.hashes, {});
  w.to_load.push_back(
      [self = weak_from_this(), then = std::move(then)](const auto& hashes, const std::string& why) {
        if (const auto here = self.lock(); here && !here->closed_) then(hashes, why);
      });
  if (w.to_load.size() == 1) pool_->load(where_, scripts);
}

void lane::close() {
  if (std::exchange(closed_, true)) return;
  opened_ = nullptr;
  broken_ = nullptr;
  pool_->leave(*this);
}

std::optional<link::clock::time_point> lane::waiting_since() const {
  if (closed_ || sent_.empty()) return std::nullopt;
  return sent_.front();
}

std::optional<link::clock::time_point> lane::silent_since() const {
  const auto own = waiting_since();
  if (!own || !wire_) return own;
  return std::max(*own, wire_->silent_since().value_or(*own));
}

link_pool::link_pool(runtime::loop& home, link::target usual, std::chrono::milliseconds patience) :
    home_(home), usual_(std::move(usual)), patience_(patience) {}

std::shared_ptr<lane> link_pool::to(const endpoint& where) {
  return std::make_shared<lane>(shared_from_this(), where);
}

bool link_pool::news(const std::string& what) {
  const auto now = link::clock::now();
  std::erase_if(said_, [now](const auto& each) { return now - each.second > std::chrono::seconds(1); });
  return said_.try_emplace(what, now).second;
}

void link_pool::join(lane& who) {
  auto& w = wires_[to_string(who.where())];
  w.users.push_back(&who);
  if (w.up) {
    who.wire_ = w.line;
    // Not from within `open`.
    return home_.defer([self = who.weak_from_this()] {
      if (const auto here = self.lock()) here->up();
    });
  }
  if (w.line) return;
  auto target = usual_;
  target.where = who.where();
  w.begun = link::clock::now();
  w.line = std::make_shared<link>(home_, std::move(target));
  w.line->open(
      [self = weak_from_this(), at = who.where(), line = std::weak_ptr<link>(w.line)] {
        if (const auto pool = self.lock()) pool->opened(at, line.lock());
      },
      [self = weak_from_this(), at = who.where(), line = std::weak_ptr<link>(w.line)](const std::string& why) {
        if (const auto pool = self.lock()) pool->broken(at, line.lock(), why);
      });
}

void link_pool::opened(const endpoint& at, const std::shared_ptr<link>& line) {
  const auto found = wires_.find(to_string(at));
  if (found == wires_.end() || found->second.line != line) return;
  found->second.up = true;
  std::vector<std::shared_ptr<lane>> users;
  for (auto* each : found->second.users)
    if (auto here = each->weak_from_this().lock()) users.push_back(std::move(here));
  for (const auto& each : users) {
    each->wire_ = line;
    each->up();
  }
}

void link_pool::broken(const endpoint& at, const std::shared_ptr<link>& line, const std::string& why) {
  const auto found = wires_.find(to_string(at));
  if (found == wires_.end() || found->second.line != line) return;
  std::vector<std::shared_ptr<lane>> users;
  for (auto* each : found->second.users)
    if (auto here = each->weak_from_this().lock()) users.push_back(std::move(here));
  wires_.erase(found);
  for (const auto& each : users) each->broke(why);
}

void link_pool::leave(lane& who) {
  const auto found = wires_.find(to_string(who.where()));
  if (found == wires_.end()) return;
  auto& w = found->second;
  if (std::erase(w.users, &who) == 0) return;
  if (w.users.empty()) {
    const auto line = std::move(w.line);
    wires_.erase(found);
    if (line) line->close();
    return;
  }
  const auto since = w.line->silent_since();
  if (link::clock::now() - since.value_or(w.up ? link::clock::now() : w.begun) < patience_) return;
  const auto line = w.line;
  line->close();
  broken(who.where(), line, "the connection does not answer");
}

void link_pool::load(const endpoint& at, const std::vector<std::string_view>& scripts) {
  const auto line = wires_.find(to_string(at))->second.line;
  const auto hashes = std::make_shared<std::vector<std::string>>();
  const auto why = std::make_shared<std::string>();
  for (const auto& each : scripts)
    line->send({"SCRIPT", "LOAD", each}, [self = weak_from_this(), at, line = std::weak_ptr<link>(line), hashes,
                                          why, all = scripts.size()](const answer_ptr& a) {
      const reply r(a);
      if (r.is_error()) *why = r.text();
      hashes->emplace_back(r.text());
      if (const auto pool = self.lock(); pool && hashes->size() == all)
        pool->loaded(at, line.lock(), *hashes, *why);
    });
}

void link_pool::loaded(const endpoint& at, const std::shared_ptr<link>& line,
                       const std::vector<std::string>& hashes, const std::string& why) {
  const auto found = wires_.find(to_string(at));
  if (found == wires_.end() || found->second.line != line) return;
  if (why.empty()) found->second.hashes = hashes;
  for (const auto& tell : std::exchange(found->second.to_load, {})) tell(hashes, why);
}

void link_pool::wait(const endpoint& at, const replica_patience& with) {
  const auto found = wires_.find(to_string(at));
  if (found == wires_.end() || found->second.waits || found->second.to_wait.empty()) return;
  auto& w = found->second;
  const auto now = link::clock::now();
  const bool distrusted = now < distrusted_until_[found->first];
  if (distrusted && now - w.waited < with.pause) {
    for (const auto& tell : std::exchange(w.to_wait, {})) tell(false);
    return;
  }
  w.waits = true;
  const auto most = distrusted ? with.glance : with.wait;
  w.line->send({"WAIT", "1", std::to_string(most.count())},
               [self = weak_from_this(), at, with, line = std::weak_ptr<link>(w.line),
                asked = std::exchange(w.to_wait, {})](const answer_ptr& a) {
                 const auto pool = self.lock();
                 if (!pool || !pool->waited(at, line.lock(), with, reply(a).number() >= 1)) return;
                 for (const auto& tell : asked) tell(reply(a).number() >= 1);
                 pool->wait(at, with); // behind what those who were told have sent now
               });
}

// False: the connection isn't the one any more.
bool link_pool::waited(const endpoint& at, const std::shared_ptr<link>& line, const replica_patience& with,
                       bool in_time) {
  const auto found = wires_.find(to_string(at));
  if (found == wires_.end() || found->second.line != line) return false;
  found->second.waits = false;
  auto& until = distrusted_until_[found->first];
  const auto now = found->second.waited = link::clock::now();
  if (in_time)
    until = {};
  else if (now >= until)
    until = now + with.distrust;
  return true;
}

} // namespace plexus::backplane::redis
