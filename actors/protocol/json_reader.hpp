#pragma once
// Reads one JSON text front to back: checks the grammar of all it passes (payloads too, they go to other clients
// untouched), hands out the fields asked for, and leaves payloads as the bytes they are.
//
// Why not simdjson's parsers: they refuse integers beyond 64 bits and escapes of lone surrogates, both of which
// browsers send and clients read. The price: a publish command of 116 bytes takes 2,200 instructions (checked with
// the DOM and read with On-Demand: 3,600), but a payload of 12 kB takes about a quarter more than the DOM alone,
// and up to twice its time. simdjson's UTF-8 check is used.

#include <cstdint>
#include <string>
#include <string_view>

namespace plexus::protocol::json {

/// Each call consumes one value and returns false at the first fault, after which the reader is of no more use but
/// for `why` and `field`. Calls that fill `out` take `null` for "not there" and leave it alone.
class reader {
public:
  /// Objects and arrays may be nested so deep; common clients read at least that.
  static constexpr unsigned max_depth = 512;

  enum class fault : std::uint8_t { none, syntax, type };

  /// `text` must outlive the reader; the views handed out hold as long as both live.
  explicit reader(std::string_view text) noexcept;
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  /// Calls `read(key)` for each member; it must consume the value and return whether that went well.
  template <class Read>
  bool object(Read&& read) {
    if (!open('{')) return false;
    for (bool first = true;; first = false) {
      const auto next = next_member(first, &field_);
      if (next != step::value) return next == step::end;
      if (!read(field_)) return false;
    }
  }

  /// Calls `read()` for each item, as `object` does.
  template <class Read>
  bool array(Read&& read) {
    if (!open('[')) return false;
    for (bool first = true;; first = false) {
      const auto next = next_item(first);
      if (next != step::value) return next == step::end;
      if (!read()) return false;
    }
  }

  /// Consumes a `null` if one comes; else nothing happens and it returns false.
  bool take_null() noexcept;
  bool string(std::string_view& out);
  bool string(std::string& out);
  bool boolean(bool& out) noexcept;
  /// Numbers with a fraction or an exponent, or out of the type's range, are of the wrong type.
  bool integer(std::uint32_t& out) noexcept;
  bool integer(std::uint64_t& out) noexcept;
  bool integer(std::int32_t& out) noexcept;
  bool integer(std::int64_t& out) noexcept;
  /// The value's own text, without the white space around it. `null` is a value here.
  bool raw(std::string_view& out) noexcept;
  bool skip() noexcept;
  /// True when nothing but white space is left.
  bool finish() noexcept;

  [[nodiscard]] fault why() const noexcept { return fault_; }
  /// The key last seen: the one at fault after a value of the wrong type.
  [[nodiscard]] std::string_view field() const noexcept { return field_; }

private:
  enum class step : std::uint8_t { value, end, broken };

  bool open(char bracket) noexcept;
  step next_member(bool first, std::string_view* key);
  step next_item(bool first) noexcept;
  step close() noexcept;
  bool skip_nested(char bracket) noexcept;
  bool pass_string(std::string_view& inside, bool& escaped) noexcept;
  bool pass_number() noexcept;
  bool pass_word(std::string_view word) noexcept;
  bool unescape(std::string_view inside, std::string_view& out);
  template <class T>
  bool whole_number(T& out) noexcept;
  /// The next byte that isn't white space; 0 at the end, where no value can begin.
  char peek() noexcept {
    // Most values and punctuation follow without a space.
    return at_ != end_ && static_cast<unsigned char>(*at_) > ' ' ? *at_ : pass_space();
  }
  char pass_space() noexcept;
  bool fail(fault why) noexcept {
    fault_ = why;
    return false;
  }

  const char* at_;
  const char* end_;
  unsigned depth_ = 0;
  fault fault_ = fault::none;
  std::string_view field_;
  std::string unescaped_; ///< reserved once for all of the text, so that views into it stay good
};

} // namespace plexus::protocol::json
