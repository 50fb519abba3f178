#pragma once
// What a node knows of the questions that are under way. Inside actors/cluster only; on the loop of the empty
// channel name, but for what says otherwise.

#include "actors/cluster/cluster.hpp"
#include "actors/cluster/message.hpp"
#include "actors/runtime/metrics.hpp"

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace plexus::cluster {

namespace count {

namespace metrics = runtime::metrics;

inline const metrics::counter asked{"plexus_cluster_questions_total",
                                    "Questions of this node to others, or to all."};
inline const metrics::counter answered{"plexus_cluster_answered_total",
                                       "Questions of other nodes that this one was asked."};
inline const metrics::counter silence{"plexus_cluster_silent_total",
                                      "Nodes that did not answer a question in time."};
inline const metrics::counter lost{"plexus_cluster_lost_total",
                                   "Messages between nodes that were incomplete, too long or came too late."};

} // namespace count

using names = std::unordered_map<std::string, std::string>; ///< by uid

struct cluster::state final : std::enable_shared_from_this<cluster::state> {
  struct question final : runtime::timer {
    explicit question(state& owner) : of(owner) {}
    void expired() override { of.give_up(id); }

    state& of;
    std::uint64_t id = 0;
    std::size_t bytes = 0;
    std::string subject;
    bool to_all = false;
    std::string to;                                     // otherwise; as given
    std::string tried;                                  // `to` one: the uid that it went to
    bool listed = false;                                // it is known who was asked
    bool own_waits = false;                             // this node's handler has not responded yet
    bool late = false;                                  // the time is up, and only this node's answer is waited for
    names waiting;                                      // of the others
    std::vector<std::pair<std::string, message>> early; // answers that came before the list
    answers got;
    runtime::loop* asker = nullptr;
    done then;
  };

  state(runtime::runtime& all, backplane::backplane& with, std::string of) :
      loops(all), home(all.of({})), plane(with), name(std::move(of)) {}

  void begin(std::unique_ptr<question> q, std::string body, milliseconds timeout);
  void ask_all(question& q, std::string body);
  void ask_one(const std::shared_ptr<message>& what, bool may_look);
  void look(const std::shared_ptr<message>& what, bool after_failure);
  void look_now();
  [[nodiscard]] std::optional<std::string> uid_of(const std::string& node) const;
  void ask_self(question& q, std::string_view body);
  void send(const std::string& to, const message& what, const std::function<void()>& failed);
  void note_peers(const std::vector<backplane::peer>& all);
  void on_list(std::uint64_t id);
  void on_answer(const std::string& from, message what);
  void take(question& q, const std::string& from, message what);
  void on_question(const std::string& from, message what);
  void on_goodbye(const std::string& from);
  void finish_if_complete(question& q);
  void give_up(std::uint64_t id);
  void finish(question& q);
  question* find(std::uint64_t id) {
    const auto at = open.find(id);
    return at == open.end() ? nullptr : at->second.get();
  }

  struct lookup_timer final : runtime::timer {
    explicit lookup_timer(state& owner) : of(owner) {}
    void expired() override { of.look_now(); }
    state& of;
  };

  runtime::loop& loop_or_first() {
    auto* here = runtime::loop::current();
    return here != nullptr ? *here : loops.at(0);
  }

  runtime::runtime& loops;
  runtime::loop& home;
  backplane::backplane& plane;
  const std::string name;
  std::unordered_map<std::string, handler> handlers; // before the loops start

  // On the home loop.
  std::uint64_t last_id = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<question>> open;
  std::size_t open_bytes = 0;
  names known;                          // as last heard; without this node
  std::unordered_set<std::string> gone; // said goodbye, and may be on a list still
  assembler parts;
  std::vector<std::pair<std::shared_ptr<message>, bool>> lookers;
  lookup_timer lookup{*this};
  bool looking = false;
  runtime::loop::clock::time_point looked{};
};

} // namespace plexus::cluster
