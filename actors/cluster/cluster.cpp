// Being asked, and what others see of it all.

#include "actors/cluster/state.hpp"

#include "actors/runtime/log.hpp"

namespace plexus::cluster {

// -- being asked

void cluster::state::on_question(const std::string& from, message what) {
  count::answered.add();
  const auto found = handlers.find(what.subject);
  if (found == handlers.end()) {
    send(from, {message::kind::nobody, what.id, {}, {}}, {});
    return;
  }
  found->second(what.body, [weak = weak_from_this(), &to = home, from, id = what.id,
                            subject = what.subject](std::string said) {
    to.post([weak, from, id, subject, said = std::move(said)]() mutable {
      const auto self = weak.lock();
      if (!self) return;
      if (said.size() > max_body) {
        count::lost.add();
        runtime::log::error("cluster", "an answer is too long to be sent",
                            {{"subject", subject}, {"bytes", said.size()}, {"max", max_body}});
        self->send(from, {message::kind::nobody, id, {}, {}}, {});
        return;
      }
      self->send(from, {message::kind::answer, id, {}, std::move(said)}, {});
    });
  });
}

// It answered what it could; what it hasn't is taken for a node that wasn't there.
void cluster::state::on_goodbye(const std::string& from) {
  gone.insert(from);
  known.erase(from);
  std::vector<question*> waited;
  for (auto& [id, q] : open)
    if (q->waiting.contains(from)) waited.push_back(q.get());
  for (auto* q : waited) {
    q->waiting.erase(from);
    if (q->to_all) {
      finish_if_complete(*q);
    } else {
      q->got.unknown = true;
      give_up(q->id);
    }
  }
}

// -- from outside

cluster::cluster(runtime::runtime& loops, backplane::backplane& plane, std::string name) :
    state_(std::make_shared<state>(loops, plane, std::move(name))) {}

cluster::~cluster() = default;

void cluster::serve(std::string subject, handler how) {
  state_->handlers.insert_or_assign(std::move(subject), std::move(how));
}

// Always posted, so that what one loop asks stays in order.
void cluster::begin(bool to_all, std::string to, std::string subject, std::string body, milliseconds timeout,
                    done then) {
  auto q = std::make_unique<state::question>(*state_);
  q->to_all = to_all;
  q->to = std::move(to);
  q->subject = std::move(subject);
  q->asker = &state_->loop_or_first();
  q->then = std::move(then);
  state_->home.post([self = state_, q = std::move(q), body = std::move(body), timeout]() mutable {
    self->begin(std::move(q), std::move(body), timeout);
  });
}

void cluster::ask_all(std::string subject, std::string body, milliseconds timeout, done then) {
  begin(true, {}, std::move(subject), std::move(body), timeout, std::move(then));
}

void cluster::ask(std::string node, std::string subject, std::string body, milliseconds timeout, done then) {
  begin(false, std::move(node), std::move(subject), std::move(body), timeout, std::move(then));
}

void cluster::leave(std::function<void()> then) {
  state_->home.post([self = state_, asker = &state_->loop_or_first(), then = std::move(then)] {
    const auto part = to_parts({message::kind::goodbye, 0, {}, {}}).front();
    self->plane.send({}, part, [asker, then](const auto&) { asker->post([then] { then(); }); });
  });
}

const std::string& cluster::uid() const noexcept {
  return state_->plane.uid();
}
const std::string& cluster::name() const noexcept {
  return state_->name;
}

void cluster::received(const std::string& from, std::string_view bytes) {
  bool lost = false;
  auto what = state_->parts.take(from, bytes, lost);
  if (lost) {
    count::lost.add();
    runtime::log::warn("cluster", "a message of another node makes no sense or lacks a part", {{"from", from}});
  }
  if (!what) return;
  if (what->what == message::kind::goodbye)
    state_->on_goodbye(from);
  else if (what->what == message::kind::question)
    state_->on_question(from, std::move(*what));
  else
    state_->on_answer(from, std::move(*what));
}

} // namespace plexus::cluster
