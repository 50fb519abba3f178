#pragma once
// Writing of JSON objects straight into a string.

#include "actors/protocol/json.hpp"
#include "actors/protocol/reply.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace plexus::protocol::json {

void append_number(std::string& out, std::uint64_t value);

/// Writes the members of one object; the braces are its constructor and `close`. What is zero, false or empty is
/// left out, as the protocol wants it, but by `key`, after which the caller writes the value. Names are plain
/// ASCII.
class object_writer {
public:
  explicit object_writer(std::string& out) : out_(out) { out_ += '{'; }

  void key(std::string_view name);
  void flag(std::string_view name, bool value);
  void number(std::string_view name, std::uint64_t value);
  /// Zero too.
  void count(std::string_view name, std::uint64_t value);
  void text(std::string_view name, std::string_view value);
  /// `value` is JSON text.
  void json(std::string_view name, std::string_view value);
  void close() { out_ += '}'; }

private:
  std::string& out_;
  bool first_ = true;
};

/// Writes all of [begin, end) with commas between; `write` appends one.
template <class Range, class Write>
void append_all(std::string& out, const Range& range, Write&& write) {
  bool first = true;
  for (const auto& one : range) {
    if (!first) out += ',';
    first = false;
    write(one);
  }
}

void append_client_info(std::string& out, const client_info& info);
/// `delta` stands in the place of the data with `data_form::delta`.
void append_publication(std::string& out, const publication& what, data_form form = data_form::plain,
                        std::string_view delta = {});
/// An array.
void append_publications(std::string& out, const std::vector<publication_ptr>& list,
                         data_form form = data_form::plain);

// What clients and back ends are answered alike. Zeros and empty lists are written: both read them without a
// default.
void append_reply(std::string& out, const presence_reply& what);
void append_reply(std::string& out, const presence_stats_reply& what);
void append_reply(std::string& out, const history_reply& what);
void append_reply(std::string& out, const rpc_reply& what);

} // namespace plexus::protocol::json
