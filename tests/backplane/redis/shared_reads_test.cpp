#include "backplane/redis/shared_reads.hpp"

#include <doctest/doctest.h>

#include <deque>

using namespace plexus;
using namespace plexus::backplane;
using namespace plexus::backplane::redis;
using std::chrono::milliseconds;

namespace {

/// Steps that would wait, and the tasks of answers, each run when the test says so.
struct desk {
  std::deque<backplane::backplane::task> tasks;
  shared_reads reads{[this](std::string_view, backplane::backplane::task t) { tasks.push_back(std::move(t)); },
                     milliseconds{2000}};
  std::vector<step> waiting;
  std::vector<std::string> heard;

  /// True: it has to wait itself.
  bool ask(step what, milliseconds now) {
    what.until = now + milliseconds{4000};
    if (reads.join(what)) return false;
    waiting.push_back(std::move(what));
    return true;
  }
  step recover(const std::string& who, std::uint64_t since = 5, const std::string& channel = "room") {
    return {channel,
            {100, milliseconds{1000}},
            {},
            recover_step{{"e", since}, 100, [this, who](auto answer) {
                           heard.push_back(who + (answer ? " " + std::to_string(answer->top.offset) : " error"));
                         }}};
  }
  step page(const std::string& who, std::optional<std::size_t> limit = 10) {
    history_step asked;
    asked.what.limit = limit;
    asked.done = [this, who](auto answer) { heard.push_back(who + " " + std::to_string(answer->top.offset)); };
    return {"room", {100, milliseconds{1000}}, {}, std::move(asked)};
  }
  void answer(std::size_t which, std::uint64_t top) {
    auto& what = waiting.at(which).what;
    if (auto* r = std::get_if<recover_step>(&what)) r->done(recovery{{"e", top}, true, {}});
    if (auto* h = std::get_if<history_step>(&what)) h->done(log_page{{"e", top}, {}});
    while (!tasks.empty()) {
      auto next = std::move(tasks.front());
      tasks.pop_front();
      next();
    }
  }
};

constexpr milliseconds start{1000};

} // namespace

TEST_CASE("who asks for the same while the question waits shares its answer") {
  desk d;
  CHECK(d.ask(d.recover("a"), start));
  CHECK_FALSE(d.ask(d.recover("b"), start));
  CHECK_FALSE(d.ask(d.recover("c"), start));
  REQUIRE(d.waiting.size() == 1);
  d.answer(0, 9);
  CHECK(d.heard == std::vector<std::string>{"a 9", "b 9", "c 9"});
}

TEST_CASE("who asks for something else asks alone") {
  desk d;
  CHECK(d.ask(d.recover("a"), start));
  CHECK(d.ask(d.recover("of another position", 6), start));
  CHECK(d.ask(d.recover("of another channel", 5, "hall"), start));
  CHECK(d.ask(d.page("a page"), start));
  CHECK(d.ask(d.page("a longer page", 20), start));
  CHECK(d.ask(d.page("all", {}), start));
  CHECK_FALSE(d.ask(d.page("the same page"), start));
}

TEST_CASE("a question that is on its way is not joined") {
  desk d;
  CHECK(d.ask(d.recover("a"), start));
  d.reads.close("hall");
  CHECK_FALSE(d.ask(d.recover("b"), start));
  d.reads.close("room");
  CHECK(d.ask(d.recover("c"), start));
  d.answer(0, 9);
  CHECK(d.heard == std::vector<std::string>{"a 9", "b 9"});
  d.answer(1, 11);
  CHECK(d.heard.back() == "c 11");
}

TEST_CASE("nobody joins a question in front of what changes the channel") {
  desk d;
  CHECK(d.ask(d.page("a"), start));
  CHECK(d.ask({"room", {}, {}, append_step{}}, start));
  CHECK(d.ask(d.page("with the publication"), start));
  CHECK_FALSE(d.ask(d.page("that too"), start));
  CHECK(d.ask({"room", {}, {}, remove_history_step{}}, start));
  CHECK(d.ask(d.page("of an empty log"), start));
}

TEST_CASE("a question that has waited for long is not joined: it may be given up soon") {
  desk d;
  CHECK(d.ask(d.recover("a"), start));
  CHECK_FALSE(d.ask(d.recover("b"), start + milliseconds{2000}));
  CHECK(d.ask(d.recover("c"), start + milliseconds{2001}));
  CHECK_FALSE(d.ask(d.recover("d"), start + milliseconds{3000}));
}

TEST_CASE("a failure goes to all who share it, and one that throws keeps it from nobody") {
  desk d;
  CHECK(d.ask(d.recover("a"), start));
  auto bad = d.recover("");
  std::get<recover_step>(bad.what).done = [](auto) { throw std::runtime_error("on purpose"); };
  CHECK_FALSE(d.ask(std::move(bad), start));
  CHECK_FALSE(d.ask(d.recover("c"), start));
  std::get<recover_step>(d.waiting.at(0).what).done(protocol::error_code::internal);
  REQUIRE(d.tasks.size() == 1);
  auto second = std::move(d.tasks.front());
  d.tasks.pop_front();
  CHECK_THROWS(second());
  REQUIRE(d.tasks.size() == 1);
  d.tasks.front()();
  CHECK(d.heard == std::vector<std::string>{"a error", "c error"});
}
