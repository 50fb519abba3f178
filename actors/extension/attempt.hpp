#pragma once
// One handler, all or nothing. Of `instance`'s own files alone.

#include "actors/extension/instance.hpp"

#include <utility>

namespace plexus::extension {

template <class Work>
extension::answer instance::attempt(std::string_view handler, time_point now, Work&& work) {
  now_ = now;
  staged_ = {};
  extension::answer out;
  const auto began = std::chrono::steady_clock::now();
  std::optional<extension::answer> failed;
  running_ = true;
  try {
    work(out);
    running_ = false;
    if (!keep_state(out)) failed = out;
  } catch (const refusal& no) {
    failed = extension::answer{allowed_code(no.code()), no.what(), {}, false, false};
  } catch (const std::exception& e) {
    told_.failed(handler, e.what());
    failed = extension::answer{100, "internal server error", {}, false, false};
  } catch (...) {
    told_.failed(handler, "something that is no std::exception");
    failed = extension::answer{100, "internal server error", {}, false, false};
  }
  running_ = false;
  if (failed) {
    undo();
  } else {
    keep_staged();
  }
  told_.handled(handler, std::chrono::steady_clock::now() - began);
  return failed ? *std::move(failed) : out;
}

} // namespace plexus::extension
