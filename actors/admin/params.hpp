#pragma once
// The parameters of a request, checked while they are read. Whatever is wrong with them is a `refusal`.

#include "actors/admin/fwd.hpp"
#include "actors/protocol/errors.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::admin {

/// Thrown within this folder only; a request's own business.
struct refusal {
  protocol::error_code code;
  std::string message; ///< one sentence; empty: the code's own
};

json error_of(const refusal& what);
json error_of(protocol::error_code code, std::string message = {});
/// `{"result": what}`.
json result_of(json what);
/// JSON of others; discarded where it is none, or deeper than `max_depth`: writing it again takes stack.
inline constexpr std::size_t max_depth = 64;
json parse_bounded(std::string_view text, std::size_t deepest = max_depth);
/// The value of what others wrote, to be shown: as JSON where it is some and not too long, else the begin of the
/// text.
json shown_text(std::string_view text, std::size_t longest = 4096);
/// Bytes that are no UTF-8 become U+FFFD.
std::string to_text(const json& what);

class params {
public:
  static constexpr std::size_t max_text = 512; ///< bytes, where nothing else is said

  /// Throws where `from` is no object. It must outlive this.
  explicit params(const json& from);

  // What is missing is the fallback; what is of another type, too long or out of range is refused by name.
  std::string text(std::string_view name, std::string fallback = {}, std::size_t longest = max_text);
  /// The same, and it must be there and not empty.
  std::string needed(std::string_view name, std::size_t longest = max_text);
  std::string one_of(std::string_view name, std::string fallback, const std::vector<std::string_view>& values);
  std::int64_t number(std::string_view name, std::int64_t fallback, std::int64_t least, std::int64_t most);
  bool flag(std::string_view name, bool fallback = false);
  /// "250ms", "5m".
  std::chrono::milliseconds duration(std::string_view name, std::chrono::milliseconds fallback,
                                     std::chrono::milliseconds least, std::chrono::milliseconds most);
  /// Anything; null where it isn't there.
  const json& any(std::string_view name);
  [[nodiscard]] bool has(std::string_view name) const;

  /// Refuses names that nobody has asked for: a misspelt filter must not show everything.
  void done() const;

private:
  const json* find(std::string_view name);
  const json& from_;
  std::set<std::string, std::less<>> known_;
};

} // namespace plexus::admin
