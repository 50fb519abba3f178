#include "actors/admin/workroom.hpp"

#include "actors/runtime/loop.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

void workroom::run(std::function<json()> work, answered then) const {
  if (!threads_) {
    then(work());
    return;
  }
  auto& home = *runtime::loop::current();
  auto job = [&home, work = std::move(work), then = std::move(then)]() mutable {
    auto made = std::make_shared<json>(work());
    work = nullptr; // what it has held is taken apart here: a long list has thousands of parts
    home.post([made, then] { then(std::move(*made)); });
  };
  if (!threads_->run(job)) job(); // too much waits there: late is better than never
}

} // namespace plexus::admin
