#pragma once
// What nodes send each other, as bytes: a question, its answer, the word that nobody there answers such questions,
// or that the node ends. A long one goes in parts, one behind the other. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plexus::cluster {

/// What a question or an answer may have at most; a longer one isn't sent.
inline constexpr std::size_t max_body = 16 << 20;
/// What one part carries.
inline constexpr std::size_t max_part = 256 << 10;

struct message {
  enum class kind : std::uint8_t { question, answer, nobody, goodbye };
  kind what = kind::question;
  std::uint64_t id = 0; ///< the asker's, the same for the answer
  std::string subject;  ///< of a question; without line breaks
  std::string body;
};

/// The parts in the order in which they have to be sent.
std::vector<std::string> to_parts(const message& what);

/// Puts parts together again. A node's parts come in order, and those of two messages never mixed; where some were
/// lost, the message is.
class assembler {
public:
  /// The whole message, once its last part is there. `lost` is set when bytes made no sense or a message lacks a
  /// part.
  std::optional<message> take(const std::string& from, std::string_view part, bool& lost);
  /// Forgets what has begun to come from nodes that `alive` says no to.
  template <class Alive>
  void keep_only(const Alive& alive) {
    std::erase_if(begun_, [&](const auto& each) { return !alive(each.first); });
  }
  [[nodiscard]] std::size_t begun() const noexcept { return begun_.size(); }

private:
  struct partial {
    message what;
    std::uint64_t next = 0;
  };
  std::unordered_map<std::string, partial> begun_;
};

} // namespace plexus::cluster
