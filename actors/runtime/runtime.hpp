#pragma once
// The loops of a node and the CAF system they share.

#include "actors/runtime/loop.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace plexus::runtime {

/// Made and destroyed by `main`'s thread; loops have threads of their own between `start` and `stop`.
class runtime {
public:
  explicit runtime(unsigned loops);
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  [[nodiscard]] unsigned size() const noexcept;
  [[nodiscard]] loop& at(unsigned index) noexcept;
  /// The loop that `key` hashes to: where a channel of that name lives.
  [[nodiscard]] loop& of(std::string_view key) noexcept;

  void start();
  /// Ends all loops and joins their threads; what was posted before has run.
  void stop();
  /// Waits until the loops have ended; then they belong to the calling thread.
  void join();

  /// Runs `work` on every loop, then `done` on the loop (or thread without one: loop 0) that called.
  void on_each(std::function<void(loop&)> work, task done);

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace plexus::runtime
