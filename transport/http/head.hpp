#pragma once
// What the head of a request must be before Beast sees it. Stricter than a server has to be: whatever two programs
// in a row might read differently is refused, so that nobody can hide one request in another.

#include <cstddef>
#include <string_view>

namespace plexus::transport::http {

/// Finds the end of a head in bytes that come in pieces.
class head_scan {
public:
  enum class state { more, complete, bad };

  /// `all`: the bytes so far, beginning with the head; each is looked at once. `bad`, as soon as it shows: control
  /// characters, or a line that doesn't end in CR LF.
  state look(std::string_view all) noexcept;
  /// Of a complete head, its empty line included.
  [[nodiscard]] std::size_t size() const noexcept { return at_; }

private:
  std::size_t at_ = 0;
  std::size_t line_ = 0; ///< where the present line began
};

/// Empty when a complete head is one of HTTP/1.x as it is served here; else one sentence for a 400.
std::string_view head_fault(std::string_view head) noexcept;

} // namespace plexus::transport::http
