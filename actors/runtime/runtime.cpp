#include "actors/runtime/runtime.hpp"

#include "actors/runtime/no_scheduler.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <atomic>
#include <functional>
#include <latch>
#include <string>
#include <thread>

namespace plexus::runtime {

struct runtime::parts {
  parts() {
    config.module_factories.emplace_back([](caf::actor_system& of) { return new no_scheduler(of); });
    system = std::make_unique<caf::actor_system>(config);
  }
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::vector<std::unique_ptr<loop>> loops;
  std::vector<std::thread> threads;
};

runtime::runtime(unsigned loops) : parts_(std::make_unique<parts>()) {
  for (unsigned i = 0; i < loops; ++i) parts_->loops.push_back(std::make_unique<loop>(*parts_->system, i));
}

runtime::~runtime() {
  stop();
  parts_->loops.clear();
}

unsigned runtime::size() const noexcept {
  return static_cast<unsigned>(parts_->loops.size());
}
loop& runtime::at(unsigned index) noexcept {
  return *parts_->loops[index];
}
loop& runtime::of(std::string_view key) noexcept {
  return *parts_->loops[size() == 1 ? 0 : std::hash<std::string_view>{}(key) % size()];
}

void runtime::start() {
  auto all_owned = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(parts_->loops.size() + 1));
  for (auto& l : parts_->loops)
    parts_->threads.emplace_back([&l, all_owned] {
      l->own();
      all_owned->arrive_and_wait();
      l->run();
    });
  all_owned->arrive_and_wait();
}

void runtime::stop() {
  for (auto& l : parts_->loops)
    if (!parts_->threads.empty()) l->stop();
  join();
}

void runtime::join() {
  for (auto& t : parts_->threads) t.join();
  parts_->threads.clear();
  for (auto& l : parts_->loops) l->release();
}

void runtime::on_each(std::function<void(loop&)> work, task done) {
  struct shared {
    std::function<void(loop&)> work;
    task done;
    std::atomic<unsigned> left;
    loop* back;
  };
  auto state = std::make_shared<shared>();
  state->work = std::move(work);
  state->done = std::move(done);
  state->left = size();
  state->back = loop::current() ? loop::current() : &at(0);
  for (auto& l : parts_->loops)
    l->post([state, target = l.get()] {
      state->work(*target);
      if (--state->left == 0 && state->done) state->back->post(std::move(state->done));
    });
}

} // namespace plexus::runtime
