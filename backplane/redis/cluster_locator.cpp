// Where a Cluster's slots are: CLUSTER NODES, asked of one server after the other, and what redirections say.

#include "actors/runtime/timer_wheel.hpp"
#include "backplane/redis/cluster_view.hpp"
#include "backplane/redis/locators.hpp"

#include <chrono>

namespace plexus::backplane::redis {

namespace {

using found_fn = std::function<void(const endpoint&, const std::string&)>;

constexpr milliseconds one_server{700}; // then the next one is asked
// Partitions that look for their server at once share an answer; one that just was there wants a newer one.
constexpr milliseconds young{100};
// Two servers a second, in turn: one that was cut off from the others believes in itself, and isn't asked twice.
constexpr milliseconds looked_lately{500};

milliseconds steady_now() {
  return std::chrono::duration_cast<milliseconds>(link::clock::now().time_since_epoch());
}

/// What `hello` calls a server: its run_id and replid. Empty unless it is a primary.
std::string mark_of(std::string_view server, std::string_view replication) {
  if (info_value(replication, "role") != "master") return {};
  return std::string(info_value(server, "run_id")) + " " + std::string(info_value(replication, "master_replid"));
}

class cluster_map final : public std::enable_shared_from_this<cluster_map> {
public:
  cluster_map(runtime::loop& home, const address& where, std::shared_ptr<link_pool> links,
              const std::vector<std::uint16_t>& slots) :
      home_(home), links_(std::move(links)), view_(where.hosts, slots), asking_(*this), meeting_(*this) {}
  ~cluster_map() {
    for (auto* each : {&now_, &stranger_})
      if (*each) (*each)->close();
  }

  void find(std::uint16_t slot, milliseconds age, found_fn found) {
    if (heard_ && steady_now() - *heard_ < age) return tell(slot, found);
    waiting_.emplace_back(slot, std::move(found));
    if (waiting_.size() > 1) return;
    order_ = view_.ask_order();
    tried_ = 0;
    faults_.clear();
    ask();
  }
  cluster_view& view() { return view_; }

private:
  struct ask_timer final : runtime::timer {
    explicit ask_timer(cluster_map& of) : owner(of) {}
    void expired() override { owner.next("no answer"); }
    cluster_map& owner;
  };
  struct meet_timer final : runtime::timer {
    explicit meet_timer(cluster_map& of) : owner(of) {}
    void expired() override { owner.met({}); }
    cluster_map& owner;
  };

  // -- the table of slots

  void ask() {
    home_.arm(asking_, home_.now() + one_server);
    const auto& whom = order_[at_ % order_.size()];
    now_ = links_->to(whom);
    now_->open(
        [this] {
          now_->send({"CLUSTER", "NODES"}, [this](const answer_ptr& a) {
            const reply r(a);
            if (r.is_error()) return next(std::string(r.text()));
            // Debian's hiredis knows the type that newer servers send this as only as text as well.
            if (!view_.take(parse_servers(r.text(), now_->where()), steady_now()))
              return next("it knows of no slots: is it in a Cluster?");
            heard_ = steady_now();
            finish();
          });
        },
        [this](const std::string& why) { next(why); });
  }

  void next(const std::string& why) {
    asking_.disarm();
    if (now_) std::exchange(now_, nullptr)->close();
    if (waiting_.empty()) return;
    faults_ += (faults_.empty() ? "" : "; ") + to_string(order_[at_ % order_.size()]) + ": " + why;
    ++at_;
    if (++tried_ < order_.size()) return ask();
    for (auto& [slot, found] : std::exchange(waiting_, {}))
      found({}, "no server of the Cluster answers (" + faults_ + ")");
  }

  void finish() {
    asking_.disarm();
    ++at_;
    if (now_) std::exchange(now_, nullptr)->close();
    for (auto& [slot, found] : std::exchange(waiting_, {})) tell(slot, found);
    meet();
  }

  void tell(std::uint16_t slot, const found_fn& found) {
    const auto place = view_.owner(slot);
    if (!place) return found({}, "no server of the Cluster has slot " + std::to_string(slot));
    if (place->failed)
      return found({}, to_string(place->where) + " has failed, and no replica has taken its slots over yet");
    found(place->where, {});
  }

  // -- primaries that have no partition yet: who they are has to be known before one moves there

  void meet() {
    if (stranger_) return;
    const auto who = view_.stranger();
    if (!who) return;
    stranger_ = links_->to(*who);
    home_.arm(meeting_, home_.now() + one_server);
    stranger_->open(
        [this] {
          stranger_->send({"INFO", "server"}, [this](const answer_ptr& server) {
            stranger_->send({"INFO", "replication"}, [this, server](const answer_ptr& replication) {
              met(mark_of(reply(server).text(), reply(replication).text()));
            });
          });
        },
        [this](const std::string&) { met({}); });
  }
  void met(const std::string& mark) {
    meeting_.disarm();
    if (!stranger_) return;
    const auto who = std::exchange(stranger_, nullptr);
    if (!mark.empty()) view_.met(who->where(), mark, steady_now());
    who->close();
    if (!mark.empty()) meet();
  }

  runtime::loop& home_;
  std::shared_ptr<link_pool> links_;
  cluster_view view_;
  std::shared_ptr<lane> now_, stranger_;
  ask_timer asking_;
  meet_timer meeting_;
  std::vector<std::pair<std::uint16_t, found_fn>> waiting_;
  std::vector<endpoint> order_;
  std::size_t at_ = 0, tried_ = 0;
  std::string faults_;
  std::optional<milliseconds> heard_;
};

/// One partition's.
class cluster_place final : public locator {
public:
  cluster_place(std::shared_ptr<cluster_map> map, std::uint16_t slot) : map_(std::move(map)), slot_(slot) {}
  void find(found_fn found) override { map_->find(slot_, young, std::move(found)); }
  void check(found_fn found) override { map_->find(slot_, looked_lately, std::move(found)); }
  [[nodiscard]] bool moves() const override { return true; }
  void refused(std::string_view error, const endpoint& by) override { map_->view().moved(error, by, steady_now()); }
  void met(const endpoint& where, std::string_view mark) override { map_->view().met(where, mark, steady_now()); }
  [[nodiscard]] std::string mark_there(milliseconds before) const override {
    const auto place = map_->view().owner(slot_);
    return place ? map_->view().mark(place->where, before) : std::string();
  }

private:
  std::shared_ptr<cluster_map> map_;
  std::uint16_t slot_;
};

} // namespace

std::vector<std::shared_ptr<locator>> make_cluster_locators(runtime::loop& home, const address& where,
                                                            const std::shared_ptr<link_pool>& links,
                                                            const std::vector<std::uint16_t>& slots) {
  const auto map = std::make_shared<cluster_map>(home, where, links, slots);
  std::vector<std::shared_ptr<locator>> out;
  for (const auto each : slots) out.push_back(std::make_shared<cluster_place>(map, each));
  return out;
}

} // namespace plexus::backplane::redis
