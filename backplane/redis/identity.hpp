#pragma once
// Who the node is in a partition: the generation it knows, its inbox's name, the number of its connection. Pure.
// Owner: the partition.

#include <cstdint>
#include <string>
#include <string_view>

namespace plexus::backplane::redis {

class identity {
public:
  enum class greeting : std::uint8_t {
    same,   ///< as before: entries not read yet are still there
    anew,   ///< another inbox: whatever was in the old one is lost, members have to be entered again
    raised, ///< and another generation: the log may have lost its end
  };

  /// For the next `hello`: rises, so that what an older connection left under way is refused.
  std::uint64_t next_connection() noexcept { return ++connection_; }

  /// The answer to it.
  greeting accept(std::string_view generation, std::string_view inbox) {
    const bool first = generation_.empty();
    const auto was_generation = generation_ == generation, was_inbox = inbox_ == inbox;
    generation_ = generation;
    inbox_ = inbox;
    if (was_generation && was_inbox) return greeting::same;
    return was_generation || first ? greeting::anew : greeting::raised;
  }

  /// Entries of it were lost: the next `hello` is given another one.
  void abandon_inbox() { inbox_.clear(); }

  [[nodiscard]] std::uint64_t connection() const noexcept { return connection_; }
  [[nodiscard]] const std::string& generation() const noexcept { return generation_; }
  [[nodiscard]] const std::string& inbox() const noexcept { return inbox_; }

private:
  std::uint64_t connection_ = 0;
  std::string generation_, inbox_;
};

} // namespace plexus::backplane::redis
