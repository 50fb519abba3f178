#pragma once
// What an actor keeps, as bytes: name the members once and both directions follow.
//
//   class auction : public plexus::channel_actor {
//     std::int64_t price_ = 0;
//     std::string leader_;
//     PLEXUS_STATE(price_, leader_)
//   };
//
// Takes bool, integers, floating point, enums, std::string, optional, pair, vector, deque, map, unordered_map, set,
// time points and durations, and classes with a member `template <class S> void state(S& s) { s(a, b); }`.
//
// Bytes written by an older version of the class may be read: members that were added behind the others keep the
// values they were made with, also in a class inside of it that has a `state`. Bytes of a newer version throw
// `bad_state`, as does what doesn't fit; a member taken away, or put in front of another of the same kind, can't be
// seen.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <ratio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace plexus {

/// The bytes are not what this class writes.
class bad_state : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

namespace detail {

struct any_archive {
  template <class... T>
  void operator()(T&...) {}
};

template <class T>
concept own_state = requires(T& t, any_archive& s) {
  t.state(s);
};
template <class T>
concept range_like = requires(T t) {
  typename T::value_type;
  t.begin();
  t.end();
  t.clear();
};
template <class T>
concept map_like = range_like<T> && requires {
  typename T::key_type;
  typename T::mapped_type;
};
template <class T>
concept set_like = range_like<T> && !map_like<T> && requires {
  typename T::key_type;
};

} // namespace detail

/// Appends values to a string.
class state_writer {
public:
  explicit state_writer(std::string& out) : out_(out) {}

  template <class... T>
  state_writer& operator()(const T&... values) {
    (put(values), ...);
    return *this;
  }

private:
  void count(std::uint64_t n) {
    for (; n >= 0x80; n >>= 7U) out_.push_back(static_cast<char>(n | 0x80U));
    out_.push_back(static_cast<char>(n));
  }
  template <class T>
  void put(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      out_.push_back(value ? '\1' : '\0');
    } else if constexpr (std::is_enum_v<T>) {
      put(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      const auto n = static_cast<std::int64_t>(value);
      count((static_cast<std::uint64_t>(n) << 1U) ^ static_cast<std::uint64_t>(n >> 63));
    } else if constexpr (std::is_integral_v<T>) {
      count(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(value));
      for (unsigned i = 0; i < 8; ++i) out_.push_back(static_cast<char>(bits >> (8 * i)));
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      const std::string_view text = value;
      count(text.size());
      out_.append(text);
    } else if constexpr (requires { value.time_since_epoch(); }) {
      put(value.time_since_epoch());
    } else if constexpr (requires {
                           typename T::period;
                           value.count();
                         }) {
      put(value.count());
    } else if constexpr (requires {
                           value.has_value();
                           *value;
                         }) {
      put(value.has_value());
      if (value) put(*value);
    } else if constexpr (requires {
                           value.first;
                           value.second;
                         }) {
      put(value.first);
      put(value.second);
    } else if constexpr (detail::own_state<T>) {
      // Its function is the same for both directions, so it can't be const; a writer only reads. Its length in
      // front lets members be added to it.
      const auto begin = out_.size();
      const_cast<T&>(value).state(*this);
      const auto end = out_.size();
      count(end - begin);
      std::rotate(out_.begin() + static_cast<std::ptrdiff_t>(begin),
                  out_.begin() + static_cast<std::ptrdiff_t>(end), out_.end());
    } else if constexpr (detail::range_like<T>) {
      count(value.size());
      for (const auto& each : value) put(static_cast<const typename T::value_type&>(each));
    } else {
      static_assert(detail::own_state<T>,
                    "PLEXUS_STATE: give this type a member `template <class S> void state(S&)`");
    }
  }

  std::string& out_;
};

/// Reads what a `state_writer` wrote.
class state_reader {
public:
  explicit state_reader(std::string_view bytes) : rest_(bytes) {}

  /// Values behind the end of the bytes stay as they are.
  template <class... T>
  state_reader& operator()(T&... values) {
    (
        [&] {
          if (!rest_.empty() || depth_ > 0) get(values);
        }(),
        ...);
    return *this;
  }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  /// One byte as it is.
  void letter(char& c) { c = byte(); }

private:
  char byte() {
    if (rest_.empty()) throw bad_state("the saved state ends too early");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  std::uint64_t count() {
    std::uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto c = static_cast<unsigned char>(byte());
      n |= static_cast<std::uint64_t>(c & 0x7fU) << shift;
      if (c < 0x80) return n;
    }
    throw bad_state("a number in the saved state is too long");
  }
  /// Of items that take at least a byte each, so that damaged bytes can't ask for endless memory.
  std::uint64_t size() {
    const auto n = count();
    if (n > rest_.size()) throw bad_state("a list in the saved state is longer than the state");
    return n;
  }
  template <class T>
  T one() {
    T value{};
    get(value);
    return value;
  }
  template <class T>
  void get(T& value) {
    struct nesting {
      explicit nesting(unsigned& d) : depth(d) { ++depth; }
      ~nesting() { --depth; }
      unsigned& depth;
    } inside(depth_);
    if constexpr (std::is_same_v<T, bool>) {
      value = byte() != '\0';
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(one<std::underlying_type_t<T>>());
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      const auto n = count();
      const auto whole = static_cast<std::int64_t>((n >> 1U) ^ (~(n & 1U) + 1U));
      if (whole < std::numeric_limits<T>::min() || whole > std::numeric_limits<T>::max())
        throw bad_state("a number in the saved state doesn't fit its member");
      value = static_cast<T>(whole);
    } else if constexpr (std::is_integral_v<T>) {
      const auto n = count();
      if (n > std::numeric_limits<T>::max()) throw bad_state("a number in the saved state doesn't fit its member");
      value = static_cast<T>(n);
    } else if constexpr (std::is_floating_point_v<T>) {
      std::uint64_t bits = 0;
      for (unsigned i = 0; i < 8; ++i)
        bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(byte())) << (8 * i);
      value = static_cast<T>(std::bit_cast<double>(bits));
    } else if constexpr (std::is_same_v<T, std::string>) {
      const auto n = size();
      value.assign(rest_.substr(0, n));
      rest_.remove_prefix(n);
    } else if constexpr (requires { value.time_since_epoch(); }) {
      value = T(one<typename T::duration>());
    } else if constexpr (requires {
                           typename T::period;
                           value.count();
                         }) {
      value = T(one<typename T::rep>());
    } else if constexpr (requires {
                           value.has_value();
                           *value;
                         }) {
      if (one<bool>())
        value = one<typename T::value_type>();
      else
        value.reset();
    } else if constexpr (requires {
                           value.first;
                           value.second;
                         }) {
      get(value.first);
      get(value.second);
    } else if constexpr (detail::own_state<T>) {
      const auto n = size();
      state_reader own(rest_.substr(0, n));
      rest_.remove_prefix(n);
      value.state(own);
      if (!own.at_end()) throw bad_state("a class in the saved state is of a newer version");
    } else if constexpr (detail::map_like<T>) {
      value.clear();
      for (auto n = size(); n > 0; --n) {
        auto key = one<typename T::key_type>();
        value.insert_or_assign(std::move(key), one<typename T::mapped_type>());
      }
    } else if constexpr (detail::set_like<T>) {
      value.clear();
      for (auto n = size(); n > 0; --n) value.insert(one<typename T::value_type>());
    } else if constexpr (detail::range_like<T>) {
      value.clear();
      for (auto n = size(); n > 0; --n) value.push_back(one<typename T::value_type>());
    } else {
      static_assert(detail::own_state<T>,
                    "PLEXUS_STATE: give this type a member `template <class S> void state(S&)`");
    }
  }

  std::string_view rest_;
  unsigned depth_ = 0; ///< above 0 inside of a value, which can't end early
};

} // namespace plexus

/// The members that make up an actor's state: all that a handler changes and that has to survive. At the end of the
/// class.
#define PLEXUS_STATE(...)                                                                                          \
public:                                                                                                            \
  void save(::plexus::state_writer& plexus_to) const override {                                                    \
    plexus_to(__VA_ARGS__);                                                                                        \
  }                                                                                                                \
  void load(::plexus::state_reader& plexus_from) override {                                                        \
    plexus_from(__VA_ARGS__);                                                                                      \
  }

/// For an actor that keeps nothing: it begins anew wherever it is started.
#define PLEXUS_NO_STATE                                                                                            \
public:                                                                                                            \
  void save(::plexus::state_writer&) const override {}                                                             \
  void load(::plexus::state_reader&) override {}
