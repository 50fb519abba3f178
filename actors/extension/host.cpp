#include "actors/extension/host.hpp"

#include "actors/extension/aside.hpp"
#include "actors/extension/loop_host.hpp"
#include "actors/extension/metrics.hpp"
#include "actors/runtime/log.hpp"

#include <algorithm>

namespace plexus::extension {

namespace log = runtime::log;

namespace {

constexpr unsigned aside_threads = 4;
constexpr std::size_t rescued_at_once = 1000;
constexpr milliseconds rescue_pause{200};  ///< between two looks, while there are more
constexpr milliseconds not_served{60'000}; ///< before what no namespace has an actor for is looked at again
constexpr milliseconds wake_timeout{3000};

std::uint64_t mixed(std::string_view a, std::string_view b) {
  std::uint64_t h = 14695981039346656037U; // FNV-1a: the same on every node
  for (const auto c : a) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
  h ^= 0xff;
  for (const auto c : b) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
  h ^= h >> 33U;
  h *= 0xff51afd7ed558ccdU;
  return h ^ (h >> 33U);
}

} // namespace

struct host::look_again final : runtime::timer {
  explicit look_again(host& of) : owner(of) {}
  void expired() override { owner.look(); }
  host& owner;
};

host::host(const host_setup& with) :
    with_(with),
    asides_(std::make_unique<aside_pool>(aside_threads)),
    next_look_(std::make_unique<look_again>(*this)),
    alive_{with.uid} {
  for (unsigned i = 0; i < with_.loops.size(); ++i)
    on_loop_.push_back(std::make_unique<loop_host>(*this, with_.loops.at(i)));
}

host::~host() {
  asides_.reset(); // its threads post to the loops
}

bool host::knows(std::string_view actor) const {
  return with_.code.find(actor) != nullptr;
}

loop_host& host::of(std::string_view channel) {
  return *on_loop_[with_.loops.of(channel).index()];
}

void host::submit(std::string_view channel, command what, std::function<void(const delivered&)> done) {
  auto& home = with_.loops.of(channel);
  auto& there = *on_loop_[home.index()];
  if (home.here()) {
    there.submit(std::string(channel), std::move(what), std::move(done));
    return;
  }
  home.post([&there, channel = std::string(channel), what = std::move(what), done = std::move(done)]() mutable {
    there.submit(channel, std::move(what), std::move(done));
  });
}

void host::asked(std::string_view body, std::function<void(std::string)> respond) {
  auto what = read_ask(body);
  if (!what) {
    respond(write(replies_body{replies_body::state_of::again, {}, {}}));
    return;
  }
  auto& home = with_.loops.of(what->channel);
  home.post([this, &home, what = std::move(*what), respond = std::move(respond)]() mutable {
    on_loop_[home.index()]->asked(std::move(what), std::move(respond));
  });
}

// -- who is alive, and who should have what

bool host::alive(const std::string& uid) const {
  const std::lock_guard locked(lock_);
  return std::binary_search(alive_.begin(), alive_.end(), uid);
}

std::string host::preferred(std::string_view channel) const {
  const std::lock_guard locked(lock_);
  const std::string* best = nullptr;
  std::uint64_t most = 0;
  for (const auto& each : alive_) {
    if (draining_ && each == with_.uid && alive_.size() > 1) continue;
    const auto weight = mixed(each, channel);
    if (best && weight <= most) continue;
    best = &each;
    most = weight;
  }
  return best ? *best : with_.uid;
}

void host::start() {
  tick();
}

void host::tick() {
  if (with_.others)
    with_.others->alive([this](std::optional<std::vector<std::string>> nodes) {
      if (nodes)
        with_.loops.at(0).post([this, nodes = std::move(*nodes)]() mutable { on_alive(std::move(nodes)); });
    });
  look();
}

void host::look() {
  if (draining_) return;
  with_.plane.abandoned_actors(rescued_at_once, [this](backplane::outcome<std::vector<std::string>> got) {
    if (got && !got->empty()) rescue(*got);
    if (!got || got->size() < rescued_at_once) return;
    auto& first = with_.loops.at(0);
    first.post([this, &first] { first.arm(*next_look_, first.now() + rescue_pause); });
  });
}

void host::on_alive(std::vector<std::string> nodes) {
  std::sort(nodes.begin(), nodes.end());
  // A node whose own lease is in doubt is alive all the same.
  if (!std::binary_search(nodes.begin(), nodes.end(), with_.uid))
    nodes.insert(std::upper_bound(nodes.begin(), nodes.end(), with_.uid), with_.uid);
  {
    const std::lock_guard locked(lock_);
    if (nodes == alive_) return;
    alive_ = std::move(nodes);
  }
  with_.loops.on_each([this](runtime::loop& l) { on_loop_[l.index()]->alive_changed(); }, {});
}

// One question at a time: whoever comes meanwhile waits for the next one.
void host::refresh(runtime::task then) {
  {
    const std::lock_guard locked(lock_);
    refreshed_.push_back(std::move(then));
    if (std::exchange(refreshing_, true)) return;
  }
  ask_alive();
}

void host::ask_alive() {
  auto all = std::make_shared<std::vector<runtime::task>>();
  {
    const std::lock_guard locked(lock_);
    all->swap(refreshed_);
    if (all->empty()) refreshing_ = false;
  }
  if (all->empty()) return;
  with_.others->alive([this, all](std::optional<std::vector<std::string>> nodes) {
    with_.loops.at(0).post([this, all, nodes = std::move(nodes)]() mutable {
      if (nodes) on_alive(std::move(*nodes));
      for (auto& each : *all) each();
      ask_alive();
    });
  });
}

// Every node looks, and asks the one that should have it; the lease decides.
void host::rescue(const std::vector<std::string>& channels) {
  std::shared_ptr<const config::settings> settings;
  {
    const std::lock_guard locked(lock_);
    settings = with_.settings;
  }
  std::vector<std::string> unknown;
  for (const auto& channel : channels) {
    const auto* options = settings->options_of(channel);
    if (!options || !knows(options->actor)) {
      unknown.push_back(channel);
      continue;
    }
    const auto to = preferred(channel);
    if (to == with_.uid || !with_.others) {
      auto& home = with_.loops.of(channel);
      home.post([this, &home, channel] { on_loop_[home.index()]->wake(channel); });
      continue;
    }
    ask_body wake;
    wake.what = ask_body::kind::wake;
    wake.channel = channel;
    wake.origin = with_.uid;
    // Says it nothing, this node tries: the lease decides.
    with_.others->ask(to, write(wake), wake_timeout, [this, channel](const auto& got) {
      if (got || ending_) return;
      auto& home = with_.loops.of(channel);
      home.post([this, &home, channel] { on_loop_[home.index()]->wake(channel); });
    });
  }
  if (unknown.empty()) return;
  log::info("actor", "channel actors were left behind, but this node has none for their channels",
            {{"channels", unknown.size()}, {"first", unknown.front()}});
  for (const auto& channel : unknown) {
    auto& home = with_.loops.of(channel);
    home.post([this, channel, lease = settings->backplane.lease] { not_now(channel, lease); });
  }
}

// Claimed and given back as wanted later, so that it isn't in the way of others. Another node may have the actor.
void host::not_now(const std::string& channel, milliseconds lease) {
  with_.plane.claim_actor(channel, with_.uid, lease,
                          [this, channel, lease](const backplane::outcome<backplane::actor_claim>& got) {
                            if (!got || !got->right.granted) return;
                            backplane::actor_write back;
                            back.holder = with_.uid;
                            back.token = got->right.token;
                            back.ttl = lease;
                            back.release = true;
                            back.wanted = not_served;
                            with_.plane.write_actor(channel, {}, std::move(back), nullptr);
                          });
}

// -- handing over

void host::everywhere(bool to_others, runtime::task done) {
  auto left = std::make_shared<std::atomic<unsigned>>(with_.loops.size());
  auto all = std::make_shared<runtime::task>(std::move(done));
  const auto why = to_others ? stop_reason::moved : stop_reason::idle;
  for (unsigned i = 0; i < with_.loops.size(); ++i)
    with_.loops.at(i).post([this, i, left, all, why] {
      on_loop_[i]->leave_all(why, [this, left, all] {
        if (--*left == 0) with_.loops.at(0).post([all] { (*all)(); });
      });
    });
}

void host::drain(runtime::task done) {
  draining_ = true;
  std::size_t nodes = 0;
  {
    const std::lock_guard locked(lock_);
    nodes = alive_.size();
  }
  // Alone it serves its clients until they are gone.
  if (nodes <= 1) return done();
  everywhere(true, std::move(done));
}

void host::let_go(runtime::task done) {
  draining_ = true;
  ending_ = true;
  everywhere(false, std::move(done));
}

void host::move(const std::string& channel, const std::string& to_uid, std::function<void(std::string)> done) {
  auto* back = runtime::loop::current();
  auto& home = with_.loops.of(channel);
  auto answer = [back, done = std::move(done)](std::string how) {
    if (back)
      back->post([done, how = std::move(how)] { done(how); });
    else
      done(std::move(how));
  };
  auto go = [this, &home, channel, to_uid, answer] {
    home.post([this, &home, channel, to_uid, answer] { on_loop_[home.index()]->move(channel, to_uid, answer); });
  };
  if (to_uid == with_.uid || alive(to_uid)) return go();
  if (!with_.others) return answer("no such node");
  // It may have come since the last tick.
  refresh([this, to_uid, go, answer] {
    if (alive(to_uid))
      go();
    else
      answer("no such node");
  });
}

void host::list(std::size_t most,
                std::function<void(const std::vector<actor_figures>& some, std::size_t all)> done) {
  struct gathered {
    std::vector<listing> by_loop;
    std::atomic<std::size_t> left{0};
  };
  auto all = std::make_shared<gathered>();
  all->by_loop.resize(with_.loops.size());
  all->left = with_.loops.size();
  auto* here = runtime::loop::current();
  auto& back = here ? *here : with_.loops.at(0);
  auto one_is_done = [all, most, &back, done = std::move(done)] {
    if (--all->left > 0) return;
    back.post([all, most, done] {
      std::vector<actor_figures> some;
      std::size_t count = 0;
      for (auto& each : all->by_loop) {
        count += each.count;
        for (auto& a : each.some)
          if (some.size() < most) some.push_back(std::move(a));
      }
      done(some, count);
    });
  };
  for (unsigned i = 0; i < with_.loops.size(); ++i)
    with_.loops.at(i).post(
        [own = on_loop_[i].get(), to = &all->by_loop[i], most, one_is_done] { own->list(*to, most, one_is_done); });
}

void host::look(const std::string& channel, std::function<void(const std::optional<actor_view>&)> done) {
  auto* back = runtime::loop::current();
  auto& home = with_.loops.of(channel);
  home.post([this, &home, back, channel, done = std::move(done)] {
    auto seen = on_loop_[home.index()]->look(channel);
    if (back)
      back->post([done, seen = std::move(seen)] { done(seen); });
    else
      done(seen);
  });
}

void host::apply(const std::shared_ptr<const config::settings>& settings) {
  {
    const std::lock_guard locked(lock_);
    with_.settings = settings;
  }
  for (unsigned i = 0; i < with_.loops.size(); ++i)
    with_.loops.at(i).post([this, i, settings] { on_loop_[i]->apply(settings); });
}

} // namespace plexus::extension
