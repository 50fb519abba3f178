// Of desk: who is blocked. Every loop of every node has the whole list.

#include "actors/admin/desk.hpp"
#include "actors/admin/pages.hpp"
#include "actors/admin/walk.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

namespace {

/// Walks the calling loop's list; the other loops have nothing to do.
class blocked_walker final : public walker {
public:
  blocked_walker(const connection::denials& from, std::string search, std::size_t limit, const sort_key* after) :
      page(limit, after), from_(from), search_(std::move(search)), begin_(page) {}

  bool step() override {
    const auto& all = from_.all();
    if (way_.begins(all)) page = begin_;
    return way_.step(all, [this](const auto& each) {
      offer(each.second);
      return std::size_t{0};
    });
  }

  [[nodiscard]] std::size_t spent() const noexcept override { return way_.spent(); }

  page_of<json> page;

private:
  void offer(const plexus::backplane::notice& n) {
    if (static_cast<connection::denial_kind>(n.key.front()) != connection::denial_kind::block) return;
    auto user = n.key.substr(2);
    if (!search_.empty() && user.find(search_) == std::string::npos) return;
    sort_key key{0, user};
    if (!page.wants(key)) {
      page.pass(key);
      return;
    }
    json until = n.until.count() / 1000;
    if (n.until.count() / 1000 >= last_time) until = nullptr;
    page.offer(std::move(key), {{"user", std::move(user)}, {"until", std::move(until)}});
  }

  const connection::denials& from_;
  std::string search_;
  page_of<json> begin_;
  bucket_walk way_;
};

struct idle_walker final : walker {
  bool step() override { return false; }
};

} // namespace

void desk::blocked(params& p, answered done) {
  auto search = p.text("search");
  const auto limit = static_cast<std::size_t>(p.number("limit", 50, 1, 200));
  const auto after = read_cursor(p.any("after"));
  p.done();
  const auto here = runtime::loop::current()->index();
  auto own = std::make_shared<blocked_walker>(env_.transports[here]->environment().denied, std::move(search), limit,
                                              after ? &*after : nullptr);
  std::vector<std::shared_ptr<walker>> all;
  for (unsigned i = 0; i < env_.loops.size(); ++i)
    all.push_back(i == here ? own : std::shared_ptr<walker>(std::make_shared<idle_walker>()));
  walk(env_, std::move(all), [this, own, limit, done = std::move(done)] {
    elsewhere_.run(
        [own, limit] {
          return result_of(
              page_json("blocked", std::move(own->page.rows()), limit, own->page.seen(), own->page.more()));
        },
        done);
  });
}

} // namespace plexus::admin
