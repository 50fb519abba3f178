#pragma once
// Where what takes long is done: what isn't looked up on a loop but read, joined, sorted and written needs none.

#include "actors/admin/fwd.hpp"
#include "actors/extension/aside.hpp"

#include <functional>

namespace plexus::admin {

/// Any loop. Its threads end before what `work` refers to.
class workroom {
public:
  /// `threads` null: it is done on the calling loop.
  explicit workroom(extension::aside_pool* threads = nullptr) : threads_(threads) {}
  /// Does `work`, which doesn't throw, elsewhere, and gives `then` what it returned, on the calling loop.
  void run(std::function<json()> work, answered then) const;

private:
  extension::aside_pool* threads_;
};

} // namespace plexus::admin
