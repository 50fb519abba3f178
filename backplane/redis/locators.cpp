#include "backplane/redis/locators.hpp"

#include "actors/runtime/timer_wheel.hpp"

#include <chrono>

namespace plexus::backplane::redis {

namespace {

constexpr std::chrono::milliseconds one_sentinel{700}; // then the next one is asked

class fixed final : public locator {
public:
  explicit fixed(endpoint to) : to_(std::move(to)) {}
  void find(std::function<void(const endpoint&, const std::string&)> found) override { found(to_, {}); }
  [[nodiscard]] bool moves() const override { return false; }

private:
  endpoint to_;
};

/// Asks one Sentinel after the other, beginning with the one that answered last, over a connection that stays.
class sentinels final : public locator, public std::enable_shared_from_this<sentinels> {
public:
  sentinels(runtime::loop& home, const address& where, const link::target& usual) :
      home_(home), hosts_(where.hosts), service_(where.service), usual_(usual), timeout_(*this) {
    usual_.login = where.sentinel_login;
    usual_.db = 0;
  }
  ~sentinels() override {
    if (now_) now_->close();
  }

  void find(std::function<void(const endpoint&, const std::string&)> found) override {
    waiting_.push_back(std::move(found));
    if (waiting_.size() > 1) return;
    tried_ = 0;
    faults_.clear();
    ask();
  }
  [[nodiscard]] bool moves() const override { return true; }

private:
  struct timer final : runtime::timer {
    explicit timer(sentinels& of) : owner(of) {}
    void expired() override { owner.next("no answer"); }
    sentinels& owner;
  };

  void ask() {
    home_.arm(timeout_, home_.now() + one_sentinel);
    if (now_) return question();
    auto to = usual_;
    to.where = hosts_[at_];
    now_ = std::make_shared<link>(home_, std::move(to));
    now_->open([this] { question(); }, [this](const std::string& why) { next(why); });
  }

  void question() {
    now_->send({"SENTINEL", "get-master-addr-by-name", service_}, [this](const answer_ptr& a) {
      if (waiting_.empty()) return;
      const reply r(a);
      if (r.size() != 2) return next(r.is_error() ? std::string(r.text()) : "it doesn't know " + service_);
      endpoint found{std::string(r[0].text()), static_cast<std::uint16_t>(r[1].number())};
      answer(found, {});
    });
  }

  /// The Sentinel at hand is of no use.
  void next(const std::string& why) {
    if (now_) std::exchange(now_, nullptr)->close();
    timeout_.disarm();
    if (waiting_.empty()) return; // its connection ended while nobody asked
    faults_ += (faults_.empty() ? "" : "; ") + to_string(hosts_[at_]) + ": " + why;
    at_ = (at_ + 1) % hosts_.size();
    if (++tried_ < hosts_.size()) return ask();
    answer({}, "no Sentinel knows the primary (" + faults_ + ")");
  }

  void answer(const endpoint& where, const std::string& why) {
    timeout_.disarm();
    for (auto& each : std::exchange(waiting_, {})) each(where, why);
  }

  runtime::loop& home_;
  std::vector<endpoint> hosts_;
  std::string service_;
  link::target usual_;
  std::shared_ptr<link> now_;
  timer timeout_;
  std::vector<std::function<void(const endpoint&, const std::string&)>> waiting_;
  std::size_t at_ = 0, tried_ = 0;
  std::string faults_;
};

} // namespace

std::shared_ptr<locator> make_locator(runtime::loop& home, const address& where, const link::target& usual) {
  if (where.service.empty()) return std::make_shared<fixed>(where.hosts.front());
  return std::make_shared<sentinels>(home, where, usual);
}

} // namespace plexus::backplane::redis
