#pragma once
// A move-only `void()`; std::function would demand copies of what it carries (C++23 has move_only_function).

#include <memory>
#include <type_traits>
#include <utility>

namespace plexus::runtime {

class task {
public:
  task() = default;
  template <class F>
  requires(!std::is_same_v<std::decay_t<F>, task>) task(F&& f) :
      work_(std::make_unique<holder<std::decay_t<F>>>(std::forward<F>(f))) {}

  explicit operator bool() const noexcept { return work_ != nullptr; }
  void operator()() { work_->run(); }

private:
  struct base {
    virtual ~base() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct holder final : base {
    explicit holder(F&& f) : work(std::move(f)) {}
    explicit holder(const F& f) : work(f) {}
    void run() override { work(); }
    F work;
  };
  std::unique_ptr<base> work_;
};

} // namespace plexus::runtime
