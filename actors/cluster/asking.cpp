// Asking, and what comes back.

#include "actors/cluster/state.hpp"

#include "actors/runtime/log.hpp"

#include <algorithm>

namespace plexus::cluster {

namespace {

constexpr milliseconds look_pause{50};
// This node is alive: when its own answer is late, its loops are busy, and who asks wants to see just that. It is
// waited for that much longer.
constexpr milliseconds own_patience{8000};

} // namespace

void cluster::state::begin(std::unique_ptr<question> q, std::string body, milliseconds timeout) {
  count::asked.add();
  auto& it = *q;
  it.id = ++last_id;
  it.bytes = body.size();
  it.got.busy = open.size() >= max_questions || open_bytes + it.bytes > max_question_bytes;
  open_bytes += it.bytes;
  open.emplace(it.id, std::move(q));
  if (it.got.busy || it.bytes > max_body) {
    runtime::log::debug("cluster", it.got.busy ? "too many questions wait for answers" : "a question is too long",
                        {{"subject", it.subject}, {"bytes", it.bytes}});
    count::lost.add();
    return give_up(it.id);
  }
  home.arm(it, home.now() + timeout);
  if (it.to_all) return ask_all(it, std::move(body));
  if (it.to == plane.uid() || it.to == name) {
    it.listed = true;
    return ask_self(it, body);
  }
  ask_one(std::make_shared<message>(message{message::kind::question, it.id, it.subject, std::move(body)}), true);
}

// The list and the question are asked for one behind the other, so they are one step on the way to the others.
void cluster::state::ask_all(question& q, std::string body) {
  const auto id = q.id;
  message what{message::kind::question, id, q.subject, std::move(body)};
  plane.peers([weak = weak_from_this(), id](const backplane::outcome<std::vector<backplane::peer>>& all) {
    const auto self = weak.lock();
    if (!self || !all) return; // the time-out will tell
    self->note_peers(*all);
    self->on_list(id);
  });
  send({}, what, {});
  ask_self(q, what.body);
}

void cluster::state::ask_self(question& q, std::string_view body) {
  const auto found = handlers.find(q.subject);
  if (found == handlers.end()) {
    q.got.silent.push_back(name);
    return finish_if_complete(q);
  }
  q.own_waits = true;
  found->second(body, [weak = weak_from_this(), &to = home, id = q.id](std::string said) {
    to.post([weak, id, said = std::move(said)]() mutable {
      const auto self = weak.lock();
      auto* waits = self ? self->find(id) : nullptr;
      if (waits == nullptr || !std::exchange(waits->own_waits, false)) return;
      waits->got.from.push_back({self->name, std::move(said)});
      if (waits->late) return self->give_up(waits->id);
      self->finish_if_complete(*waits);
    });
  });
}

std::optional<std::string> cluster::state::uid_of(const std::string& node) const {
  if (known.contains(node)) return node;
  for (const auto& [uid, called] : known)
    if (called == node) return uid;
  return std::nullopt;
}

// Whoever isn't known is looked up first; those asked meanwhile wait for the same list, so they stay in order.
void cluster::state::ask_one(const std::shared_ptr<message>& what, bool may_look) {
  auto* q = find(what->id);
  if (q == nullptr) return;
  const auto uid = uid_of(q->to);
  if (!uid) {
    if (may_look) return look(what, false);
    q->got.unknown = true;
    return give_up(q->id);
  }
  q->tried = *uid;
  q->listed = true;
  q->waiting = {{*uid, known[*uid]}};
  send(*uid, *what, [weak = weak_from_this(), what] {
    if (const auto self = weak.lock()) self->look(what, true);
  });
}

// One look-up for all that wait for one, and a pause behind it: whoever sends names that nobody has costs the
// backplane little.
void cluster::state::look(const std::shared_ptr<message>& what, bool after_failure) {
  lookers.emplace_back(what, after_failure);
  if (!looking && !lookup.armed()) home.arm(lookup, std::max(home.now(), looked + look_pause));
}

void cluster::state::look_now() {
  looking = true;
  plane.peers([weak = weak_from_this()](const backplane::outcome<std::vector<backplane::peer>>& all) {
    const auto self = weak.lock();
    if (!self) return;
    self->looking = false;
    self->looked = self->home.now();
    if (all) self->note_peers(*all);
    for (const auto& [what, after_failure] : std::exchange(self->lookers, {})) {
      const auto* q = all ? self->find(what->id) : nullptr;
      if (q == nullptr) continue; // the time-out will tell
      const bool alive = after_failure && self->uid_of(q->to) == q->tried;
      if (!alive) self->ask_one(what, false); // its answer may still come; else another process, or nobody
    }
  });
}

// `failed` is called once, when a part isn't known to be on its way.
void cluster::state::send(const std::string& to, const message& what, const std::function<void()>& failed) {
  auto once = std::make_shared<std::function<void()>>(failed);
  for (auto& part : to_parts(what))
    plane.send(to, std::move(part), [once](const backplane::outcome<backplane::nothing>& sent) {
      if (sent) return;
      if (const auto tell = std::exchange(*once, nullptr)) tell();
    });
}

void cluster::state::note_peers(const std::vector<backplane::peer>& all) {
  known.clear();
  std::unordered_set<std::string> still_listed;
  for (const auto& each : all)
    if (gone.contains(each.uid))
      still_listed.insert(each.uid);
    else if (each.uid != plane.uid())
      known.emplace(each.uid, each.name);
  gone = std::move(still_listed);
  parts.keep_only([this](const std::string& uid) { return known.contains(uid); });
}

// -- what comes back

void cluster::state::on_list(std::uint64_t id) {
  auto* q = find(id);
  if (q == nullptr || q->listed) return;
  q->listed = true;
  q->waiting = known;
  for (auto& [from, what] : std::exchange(q->early, {})) take(*q, from, std::move(what));
  finish_if_complete(*q);
}

void cluster::state::on_answer(const std::string& from, message what) {
  auto* q = find(what.id);
  if (q == nullptr) {
    count::lost.add(); // too late
    return;
  }
  if (!q->listed) {
    q->early.emplace_back(from, std::move(what));
    return;
  }
  take(*q, from, std::move(what));
  finish_if_complete(*q);
}

// One that came up after the list was made and was asked all the same isn't part of the answer.
void cluster::state::take(question& q, const std::string& from, message what) {
  const auto at = q.waiting.find(from);
  if (at == q.waiting.end()) return;
  if (what.what == message::kind::answer)
    q.got.from.push_back({std::move(at->second), std::move(what.body)});
  else
    q.got.silent.push_back(q.to_all ? std::move(at->second) : q.to);
  q.waiting.erase(at);
}

void cluster::state::finish_if_complete(question& q) {
  if (q.listed && !q.own_waits && q.waiting.empty()) finish(q);
}

void cluster::state::give_up(std::uint64_t id) {
  auto* q = find(id);
  if (q == nullptr) return;
  if (q->own_waits && !std::exchange(q->late, true)) {
    home.arm(*q, home.now() + own_patience);
    return;
  }
  if (!q->to_all) {
    if (q->got.from.empty()) q->got.silent = {q->to};
    return finish(*q);
  }
  if (!q->listed) {
    q->got.unsure = true;
    q->waiting = known;
    for (auto& [from, what] : std::exchange(q->early, {})) take(*q, from, std::move(what));
  }
  if (q->own_waits) q->got.silent.push_back(name);
  for (auto& [uid, called] : q->waiting) q->got.silent.push_back(called);
  finish(*q);
}

void cluster::state::finish(question& q) {
  q.disarm();
  open_bytes -= q.bytes;
  count::silence.add(q.got.silent.size());
  if (q.to_all && (!q.got.silent.empty() || q.got.unsure)) {
    std::sort(q.got.silent.begin(), q.got.silent.end());
    std::string list;
    for (const auto& each : q.got.silent) list += (list.empty() ? "" : ", ") + each;
    runtime::log::info("cluster", "not every node answered in time",
                       {{"subject", q.subject}, {"silent", list}, {"unsure", q.got.unsure ? "yes" : "no"}});
  }
  q.asker->post([then = std::move(q.then), got = std::move(q.got)]() mutable { then(std::move(got)); });
  // Perhaps inside its own `expired`.
  auto over = open.extract(q.id);
  home.defer([over = std::move(over.mapped())] {});
}

} // namespace plexus::cluster
