#pragma once
// How fast one client may send commands (`client.rate`). Plain state; time comes in as an argument.

#include "actors/runtime/token_bucket.hpp"
#include "config/settings.hpp"

#include <cstddef>
#include <cstdint>

namespace plexus::connection {

/// One a client, made only while a rate is configured.
class rate_gate {
public:
  enum class verdict : std::uint8_t {
    pass,
    too_many_commands, ///< error 111
    too_many_bytes,    ///< error 111
    give_up,           ///< close 3013: it goes on although it was told
  };
  /// So many commands in a row are answered with error 111; the next one over the rate ends the connection.
  static constexpr std::uint8_t max_refused = 10;

  static bool needed(const config::rate_section& limits) noexcept {
    return limits.commands_per_second > 0 || limits.bytes_per_second > 0;
  }

  /// Judges one command of `size` bytes.
  verdict judge(const config::rate_section& limits, std::size_t size, runtime::token_bucket::time_point now) {
    auto what = verdict::pass;
    auto burst = limits.burst > 0 ? limits.burst : limits.commands_per_second;
    if (!commands_.take({limits.commands_per_second, burst}, now))
      what = verdict::too_many_commands;
    else if (!bytes_.take_on_credit(static_cast<double>(size), {limits.bytes_per_second, limits.bytes_per_second},
                                    now))
      what = verdict::too_many_bytes;
    if (what == verdict::pass)
      refused_ = 0;
    else if (refused_++ == max_refused)
      what = verdict::give_up;
    return what;
  }

private:
  runtime::token_bucket commands_;
  runtime::token_bucket bytes_;
  std::uint8_t refused_ = 0; ///< in a row
};

} // namespace plexus::connection
