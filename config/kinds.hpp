#pragma once
// The kinds of values that keys can have: how each is read from JSON and written back. Inside `config` only.

#include "config/settings.hpp"

#include <functional>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plexus::config {

using nlohmann::json;

/// How the text of an environment variable, of `--set` or of a `..._file` becomes JSON. Keys of the first two forms
/// are the "string keys", which can be given as `..._file`.
enum class form : std::uint8_t {
  raw,         ///< the text itself, as a string
  list_or_raw, ///< a JSON list, or else the text itself
  parsed,      ///< JSON; text that isn't JSON stays a string, for the reader to refuse
};

template <class T>
struct kind {
  form text;
  std::string expected; ///< for faults: "true or false"
  std::function<std::optional<T>(const json&)> read;
  std::function<json(const T&)> write; ///< the reverse of `read`
};

kind<bool> flag();
kind<double> amount(); ///< finite, 0 or more
kind<duration> time_span(duration least = duration{0});
kind<offer> offered(); ///< true, "asked" or false
kind<std::string> text();
kind<std::string> listening_address(bool may_be_empty); ///< of an interface; IPv6 may name its zone
kind<std::string> backplane_url();
kind<std::string> web_address(); ///< empty, or http:// or https://
kind<std::vector<std::string>> texts();
kind<std::vector<std::string>> networks();    ///< each as `parse_network` takes it
kind<std::vector<std::string>> one_or_more(); ///< a string or a list; an empty string is none

/// unsigned, std::uint16_t or std::size_t.
template <class T>
kind<T> whole(T least = 0, T most = std::numeric_limits<T>::max());

template <class E>
struct choice {
  std::string_view name;
  E value;
};

/// One of the names; several names may mean one value, of which the first is written.
template <class E>
kind<E> one_of(std::vector<choice<E>> choices);

json from_text(form how, const std::string& text);

/// What a fault says was found: a short value, or with `secret` only its type. Objects are never shown.
std::string describe(const json& value, bool secret);

} // namespace plexus::config
