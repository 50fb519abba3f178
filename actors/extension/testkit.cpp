#include <plexus/testkit.hpp>

#include "actors/extension/instance.hpp"

#include <stdexcept>

namespace plexus::testkit {

using extension::command;

struct channel::parts final : extension::monitor {
  parts(std::string n, maker m, const options& o) : name(std::move(n)), make(m), with(o), now(o.begin) {}

  void failed(std::string_view handler, std::string_view why) override {
    failures.push_back(std::string(handler) + ": " + std::string(why));
  }
  void said(std::string_view text) override { logged.emplace_back(text); }

  void begin(start_reason why) {
    extension::limits most;
    most.max_state = with.max_state;
    most.grace = with.presence_grace;
    actor = std::make_unique<extension::instance>(name, make, most, *this);
    actor->restore(snapshot, log);
    actor->start(actor->has_state() ? why : start_reason::first, now);
    settle();
  }

  member who(std::string_view client) const {
    return {std::string(client), std::string(client.substr(0, client.find('/'))), {}, "node"};
  }

  // A node makes a new actor for the next command, and tells it of those who stayed.
  void begin_anew() {
    if (!std::exchange(over, false)) return;
    const auto stayed = std::exchange(staying, {});
    begin(start_reason::first);
    for (const auto& [client, each] : stayed) {
      command found;
      found.what = command::kind::found;
      found.who = each;
      actor->run(found, now);
      settle();
    }
  }

  result run(command what) {
    begin_anew();
    what.origin = "test";
    what.number = ++number;
    what.acked = acked;
    actor->run(what, now);
    settle();
    for (auto& each : replies)
      if (each.number == number) {
        auto out = result{each.what.code, each.what.message, each.what.data, each.what.later};
        std::erase_if(replies, [&](const auto& r) { return r.number == number; });
        return out;
      }
    throw std::logic_error("the command was not answered");
  }

  // What a node does with a commit: the store has it, then everybody hears of it.
  void settle() {
    if (actor->broken()) throw std::logic_error("the object couldn't be made again after a handler failed");
    if (with.compare_rebuilt && !same_rebuilt())
      throw std::logic_error(
          "the state in memory isn't what a rebuild gives: is a member missing in PLEXUS_STATE, does "
          "a handler change the state past `apply`, or does `apply` depend on anything else?");
    auto done = actor->take();
    finished = done.finished;
    if (done.finished) {
      over = true;
      staying = actor->members();
      asides.clear();
    }
    if (done.snapshot) {
      snapshot = std::move(done.facts);
      log.clear();
    } else if (!done.facts.empty()) {
      log.push_back(std::move(done.facts));
    }
    for (auto& each : done.publications)
      published.push_back(
          {std::move(each.data), each.from ? each.from->user : std::string(), each.keep, std::move(each.tags)});
    for (auto& each : done.replies) {
      if (!each.what.later && each.number != number)
        late.push_back({each.what.code, each.what.message, each.what.data, false});
      replies.push_back(std::move(each));
    }
    for (auto& each : done.presences) presences.emplace_back(each.who.client, std::move(each.json));
    if (!over)
      for (auto& each : done.asides) asides.push_back(std::move(each));
    for (auto& each : done.removals) {
      removed.push_back(each.who.client);
      if (over) {
        staying.erase(each.who.client);
        continue;
      }
      command gone;
      gone.what = command::kind::unsubscribe;
      gone.who = each.who;
      actor->run(gone, now);
      settle();
    }
  }

  bool same_rebuilt() const {
    try {
      return actor->state_now() == actor->state_rebuilt();
    } catch (const bad_state&) {
      return false;
    }
  }

  std::string name;
  maker make;
  options with;
  time_point now;
  std::unique_ptr<extension::instance> actor;
  std::string snapshot;
  std::vector<std::string> log;
  std::uint64_t number = 0, acked = 0;
  std::vector<extension::commit::reply> replies;
  std::vector<result> late;
  std::vector<publication> published;
  std::vector<std::string> removed, failures, logged;
  std::vector<extension::commit::aside> asides;
  std::vector<std::pair<std::string, std::string>> presences;
  bool finished = false; ///< by the last handler
  bool over = false;     ///< finished, and no command came since
  member_map staying;    ///< subscribed meanwhile
};

channel::channel(std::string name, maker make, const options& with) :
    parts_(std::make_unique<parts>(std::move(name), make, with)) {
  parts_->begin(start_reason::first);
}
channel::~channel() = default;

result channel::subscribe(std::string_view client, std::string_view data) {
  command c;
  c.what = command::kind::subscribe;
  c.who = parts_->who(client);
  c.data = data;
  return parts_->run(std::move(c));
}

void channel::unsubscribe(std::string_view client) {
  command c;
  c.what = command::kind::unsubscribe;
  c.who = parts_->who(client);
  parts_->run(std::move(c));
}

void channel::disconnect(std::string_view client) {
  command c;
  c.what = command::kind::unsubscribe;
  c.who = parts_->who(client);
  c.clean = false;
  c.why = end_reason::disconnected;
  parts_->run(std::move(c));
}

result channel::publish(std::string_view client, std::string_view data) {
  command c;
  c.what = command::kind::publish;
  if (!client.empty()) c.who = parts_->who(client);
  c.data = data;
  return parts_->run(std::move(c));
}

result channel::call(std::string_view client, std::string_view verb, std::string_view data, std::string_view key) {
  command c;
  c.who = parts_->who(client);
  c.verb = verb;
  c.data = data;
  if (!key.empty()) c.key = c.who.user + '\0' + std::string(key);
  return parts_->run(std::move(c));
}

void channel::advance(milliseconds by) {
  auto& p = *parts_;
  const auto end = p.now + by;
  for (auto due = p.actor->next_due(); !p.over && due && *due <= end; due = p.actor->next_due()) {
    p.now = std::max(p.now, *due);
    p.actor->fire(p.now);
    p.settle();
  }
  p.now = end;
}

time_point channel::now() const {
  return parts_->now;
}

std::size_t channel::run_aside() {
  auto& p = *parts_;
  auto all = std::exchange(p.asides, {});
  for (auto& each : all) {
    if (p.over) break; // another one knows nothing of it
    command c;
    c.what = command::kind::aside;
    c.verb = each.name;
    try {
      c.data = each.work();
    } catch (const std::exception& e) {
      c.message = e.what();
    }
    p.actor->run(c, p.now);
    p.settle();
  }
  return all.size();
}

void channel::kill() {
  parts_->asides.clear();
  if (!parts_->over) parts_->begin(start_reason::rescued);
}

void channel::move() {
  auto& p = *parts_;
  if (p.over) return;
  p.actor->stop(stop_reason::moved, p.now);
  p.settle();
  p.asides.clear();
  p.begin(start_reason::moved);
}

std::vector<std::string> channel::published() {
  std::vector<std::string> out;
  for (auto& each : std::exchange(parts_->published, {})) out.push_back(std::move(each.data));
  return out;
}
std::vector<publication> channel::publications() {
  return std::exchange(parts_->published, {});
}
std::vector<result> channel::answered() {
  return std::exchange(parts_->late, {});
}
std::vector<std::string> channel::removed() {
  return std::exchange(parts_->removed, {});
}
std::vector<std::pair<std::string, std::string>> channel::presences() {
  return std::exchange(parts_->presences, {});
}
std::vector<std::string> channel::failures() {
  return std::exchange(parts_->failures, {});
}
std::vector<std::string> channel::logged() {
  return std::exchange(parts_->logged, {});
}
const member_map& channel::members() const {
  return parts_->over ? parts_->staying : parts_->actor->members();
}
bool channel::finished() const {
  return parts_->finished;
}
std::size_t channel::state_size() const {
  return parts_->over ? 0 : parts_->actor->state_size();
}

} // namespace plexus::testkit
