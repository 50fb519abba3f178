#include "actors/admin/trace_board.hpp"

#include "actors/admin/params.hpp"
#include "actors/admin/walk.hpp"
#include "actors/runtime/trace.hpp"
#include "transport/session.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <deque>

namespace plexus::admin {

struct seen_step {
  std::int64_t time = 0; ///< Unix microseconds
  std::string what, kind, client, user, channel, why, payload;
  std::uint64_t number = 0;
  std::size_t bytes = 0;
};

struct one_trace {
  trace_subject of;
  std::deque<seen_step> steps;
  std::uint64_t dropped = 0;
  std::size_t place = 0; ///< where the client stands in its loop's list, or where the search for it has come to
  bool found = false, searching = false;
};

namespace {

std::int64_t unix_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

json step_json(const seen_step& s) {
  json out{{"time", s.time}, {"what", s.what}, {"kind", s.kind}};
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  add("client", s.client);
  add("user", s.user);
  add("channel", s.channel);
  add("why", s.why);
  add("payload", s.payload);
  if (s.number > 0) out["number"] = s.number;
  if (s.bytes > 0) out["bytes"] = s.bytes;
  return out;
}

} // namespace

/// The traces as one loop keeps them; on its thread.
struct trace_board::on_loop final : runtime::trace::watcher {
  on_loop(const connection::client_list& known, transport::loop_transport& at) : clients(known), transport(at) {}

  /// Whether the client gets what a step says is pushed (`out`), or it is skipped for it (`skipped`).
  [[nodiscard]] bool gets(const connection::client& c, const runtime::trace::step& s) const {
    const auto* session = transport.find(c.session());
    if (!session) return false;
    for (auto& m : session->memberships) {
      if (m.channel->name != s.channel) continue;
      const auto& form = transport::fan_out_table::form_of(m);
      return s.kind == "skipped" ? form.behind : s.kind == "publication" ? !form.behind : form.kind.join_leave;
    }
    return false;
  }

  /// Whether what is pushed to a channel reaches whom the trace is about.
  [[nodiscard]] bool reaches(const std::string& name, one_trace& t, const runtime::trace::step& s,
                             std::string& client) {
    bool found = false;
    auto look = [&](const connection::client& c) {
      if (found) return;
      found = gets(c, s);
      if (found) client = c.id();
    };
    if (!t.of.user.empty())
      clients.each_of(t.of.user, look);
    else if (const auto* c = the_client(name, t))
      look(*c);
    return found;
  }

  /// Null when it isn't on this loop, or is being looked for: it stands elsewhere in the list once others have
  /// left. Ids are never used again, so where the list hasn't got it, it won't come.
  [[nodiscard]] const connection::client* the_client(const std::string& name, one_trace& t) {
    if (!t.found) return nullptr;
    if (t.place < clients.clients() && clients.at(t.place).id() == t.of.client) return &clients.at(t.place);
    begin_search(name, t);
    return nullptr;
  }
  void begin_search(const std::string& name, one_trace& t) {
    t.found = false;
    t.place = clients.clients();
    if (!std::exchange(t.searching, true)) transport.next_turn([this, name] { search(name); });
  }
  /// Some at a time: there may be 100,000.
  void search(const std::string& name) {
    const auto at = traces.find(name);
    if (at == traces.end()) return;
    auto& t = at->second;
    t.place = std::min(t.place, clients.clients());
    for (std::size_t n = 0; n < 1000 && t.place > 0; ++n)
      if (clients.at(--t.place).id() == t.of.client) {
        t.found = true;
        break;
      }
    t.searching = !t.found && t.place > 0;
    if (t.searching) transport.next_turn([this, name] { search(name); });
  }

  void see(const runtime::trace::step& s) override {
    for (auto& [name, t] : traces) {
      std::string client(s.client);
      const bool meant = !t.of.channel.empty()                       ? s.channel == t.of.channel
                         : !t.of.client.empty() && !s.client.empty() ? s.client == t.of.client
                         : !t.of.user.empty() && !s.client.empty()   ? s.user == t.of.user
                         : is_push(s)                                ? reaches(name, t, s, client)
                                                                     : false;
      if (!meant) continue;
      seen_step kept{unix_microseconds(),
                     std::string(s.what),
                     std::string(s.kind),
                     std::move(client),
                     std::string(s.user),
                     std::string(s.channel),
                     std::string(s.why),
                     {},
                     s.number,
                     s.bytes};
      if (t.of.payloads) kept.payload = std::string(s.payload.substr(0, max_payload));
      t.steps.push_back(std::move(kept));
      if (t.steps.size() <= max_kept) continue;
      t.steps.pop_front();
      ++t.dropped;
    }
  }

  /// To whoever has the channel; nobody is named.
  static bool is_push(const runtime::trace::step& s) noexcept {
    return !s.channel.empty() && s.client.empty() && (s.what == "out" || s.kind == "skipped");
  }

  const connection::client_list& clients;
  transport::loop_transport& transport;
  std::map<std::string, one_trace> traces;
};

trace_board::trace_board(const environment& env, workroom elsewhere) : env_(env), elsewhere_(elsewhere) {
  for (unsigned i = 0; i < env.loops.size(); ++i)
    loops_.push_back(std::make_unique<on_loop>(env.clients.on(env.loops.at(i)), *env.transports[i]));
}

trace_board::~trace_board() {
  runtime::trace::current = nullptr; // of the thread that the loops belong to at the end
}

void trace_board::begin(const std::string& name, const trace_subject& of) {
  for (unsigned i = 0; i < loops_.size(); ++i)
    env_.loops.at(i).post([own = loops_[i].get(), name, of] {
      const auto [at, is_new] = own->traces.try_emplace(name);
      if (!is_new) return;
      at->second.of = of;
      if (!of.client.empty()) own->begin_search(name, at->second);
      runtime::trace::current = own;
    });
}

void trace_board::end(const std::string& name) {
  {
    std::lock_guard guard(mutex_);
    if (asked_.erase(name) == 0) return;
  }
  for (unsigned i = 0; i < loops_.size(); ++i)
    env_.loops.at(i).post([own = loops_[i].get(), name] {
      own->traces.erase(name);
      if (own->traces.empty()) runtime::trace::current = nullptr;
    });
}

void trace_board::take(const std::string& name, const trace_subject& of, answered done) {
  {
    std::lock_guard guard(mutex_);
    if (!asked_.contains(name)) {
      if (asked_.size() >= max_traces) {
        done(error_of(protocol::error_code::limit_exceeded, "as many traces are under way as this node takes"));
        return;
      }
      begin(name, of);
    }
    asked_[name] = std::chrono::steady_clock::now();
  }
  struct gathered {
    std::vector<std::vector<seen_step>> steps;
    std::vector<std::uint64_t> dropped;
  };
  auto all = std::make_shared<gathered>();
  all->steps.resize(loops_.size());
  all->dropped.resize(loops_.size());
  auto work = [this, name, all](runtime::loop& on) {
    auto& own = *loops_[on.index()];
    auto found = own.traces.find(name);
    if (found == own.traces.end()) return;
    auto& t = found->second;
    all->steps[on.index()].assign(std::make_move_iterator(t.steps.begin()), std::make_move_iterator(t.steps.end()));
    t.steps.clear();
    all->dropped[on.index()] = std::exchange(t.dropped, 0);
  };
  auto put_together = [all, node = env_.name] {
    std::vector<seen_step> steps;
    for (auto& s : all->steps) std::move(s.begin(), s.end(), std::back_inserter(steps));
    std::stable_sort(steps.begin(), steps.end(), [](auto& a, auto& b) { return a.time < b.time; });
    auto rows = json::array();
    for (auto& s : steps) {
      rows.push_back(step_json(s));
      rows.back()["node"] = node;
    }
    std::uint64_t dropped = 0;
    for (auto d : all->dropped) dropped += d;
    return result_of({{"steps", std::move(rows)}, {"dropped", dropped}});
  };
  env_.loops.on_each(work, [this, put_together, done = std::move(done)] { elsewhere_.run(put_together, done); });
}

void trace_board::tick(time_point now) {
  std::vector<std::string> over;
  {
    std::lock_guard guard(mutex_);
    for (auto& [name, asked] : asked_)
      if (now - asked > forgotten_after) over.push_back(name);
  }
  for (auto& name : over) end(name);
}

} // namespace plexus::admin
