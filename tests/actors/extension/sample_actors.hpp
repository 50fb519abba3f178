#pragma once
// Actors for tests: a counter that keeps its state whole, a list that logs its changes, and one with every fault.

#include <plexus/channel_actor.hpp>
#include <plexus/json.hpp>

#include <string>
#include <vector>

namespace plexus::testing {

using namespace std::chrono_literals;

/// `add` N; `get`; `fail` after changing everything; `later`, answered by `answer`; `timer` and `repeat`, which
/// count; `aside`; `kick` a client; `finish`. Everything is told as a publication.
class counter : public channel_actor {
public:
  void on_start(start_reason why) override { starts_.push_back(static_cast<int>(why)); }
  void on_subscribe(subscribing& s) override {
    if (s.who.user == "banned") return s.refuse(403, "banned");
    if (s.who.user == "broken") throw std::runtime_error("no broken ones");
    if (s.who.user == "large" && n_ == 0) text_.assign(5000, 'x');
    if (s.who.user == "painter") return s.reply(json::write("n", ++n_, "picture", std::string(20'000, 'x')));
    s.reply(json::write("n", n_));
  }
  void on_join(const member& who) override {
    if (who.user == "larger" && n_ == 0) text_.assign(5000, 'x');
    publish(json::write("join", who.user));
  }
  void on_leave(const member& who) override { publish(json::write("leave", who.user)); }
  void on_unsubscribe(const member& who, end_reason why) override {
    publish(json::write("gone", who.client, "why", static_cast<int>(why)));
  }
  void on_publication(publishing& p) override {
    if (p.data == "\"no\"") throw refusal(103, "not that");
    if (p.data == "\"quiet\"") {
      p.take_over();
      publish("\"instead\"");
      return;
    }
    ++n_;
    publish(json::write("seen", n_));
  }
  /// Of state, members and time, as a class may.
  [[nodiscard]] std::string inspect() const override {
    if (n_ == 13) throw std::runtime_error("13 isn't shown");
    if (n_ == 14) return std::string(100'000, 'x');
    return json::write("n", n_, "members", static_cast<std::int64_t>(members().size()));
  }
  void on_call(call& c) override {
    const json::object in(c.data);
    if (c.verb == "add") {
      n_ += in.integer("n").value_or(1);
      publish(json::write("n", n_));
      c.reply(json::write("n", n_));
    } else if (c.verb == "get") {
      c.reply(json::write("n", n_));
    } else if (c.verb == "fail") {
      n_ = -1;
      text_.assign(1000, 'x');
      publish("\"never\"");
      set_timer("never", 1s);
      throw std::runtime_error("on purpose");
    } else if (c.verb == "later") {
      tickets_.push_back(c.answer_later());
    } else if (c.verb == "answer") {
      for (const auto& each : tickets_) answer(each, json::write("n", n_));
      tickets_.clear();
    } else if (c.verb == "timer") {
      set_timer("once", 10s);
    } else if (c.verb == "repeat") {
      set_interval("again", 1s);
    } else if (c.verb == "stop") {
      cancel_timer("again");
    } else if (c.verb == "aside") {
      run_aside("work", [value = in.string("value").value_or("")] {
        if (value.empty()) throw std::runtime_error("nothing to do");
        return value;
      });
    } else if (c.verb == "kick") {
      remove(in.string("client").value_or(""));
    } else if (c.verb == "grow") {
      text_.assign(static_cast<std::size_t>(in.integer("size").value_or(0)), 'x');
    } else if (c.verb == "much") {
      c.reply('"' + std::string(static_cast<std::size_t>(in.integer("size").value_or(0)), 'x') + '"');
    } else if (c.verb == "finish") {
      finish();
    } else if (c.verb == "no") {
      c.refuse(1000, "own words");
    } else {
      c.unknown();
    }
  }
  void on_timer(std::string_view name) override {
    if (name == "once" && n_ == 13) throw std::runtime_error("unlucky");
    ++n_;
    publish(json::write("timer", name, "n", n_));
  }
  void on_aside(std::string_view name, const aside_result& what) override {
    publish(json::write("aside", name, "value", what.value, "error", what.error));
  }

private:
  std::int64_t n_ = 0;
  std::string text_;
  std::vector<std::string> tickets_;
  std::vector<int> starts_;
  PLEXUS_STATE(n_, text_, tickets_, starts_)
};

/// Keeps a list by its changes.
class listing : public logged_channel_actor {
public:
  void apply(std::string_view change) override { items_.emplace_back(change); }
  void on_call(call& c) override {
    if (c.verb == "push") {
      record(json::object(c.data).string("item").value_or(""));
      c.reply(json::write("size", items_.size()));
      if (items_.back() == "bad") throw std::runtime_error("a bad one");
    } else if (c.verb == "cheat") {
      items_.emplace_back("past apply");
    } else if (c.verb == "size") {
      c.reply(json::write("size", items_.size()));
    }
  }

private:
  std::vector<std::string> items_;
  PLEXUS_STATE(items_)
};

/// Forgets a member in its state.
class forgetful : public channel_actor {
public:
  void on_call(call&) override { ++kept_, ++lost_; }
  void save(state_writer& to) const override { to(kept_, lost_); }
  void load(state_reader& from) override {
    int lost = 0;
    from(kept_, lost);
  }

private:
  int kept_ = 0, lost_ = 0;
};

} // namespace plexus::testing
