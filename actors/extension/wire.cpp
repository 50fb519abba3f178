#include "actors/extension/wire.hpp"

namespace plexus::extension {

namespace {

struct member_on_wire {
  member& who;
  template <class S>
  void state(S& s) {
    s(who.client, who.user, who.info, who.node);
  }
};

/// The same function for both directions.
template <class S>
void fields(S& s, ask_body& b) {
  member_on_wire who{b.who};
  s(b.what, b.channel, b.origin, b.acked, b.commands, who, b.code, b.json, b.replies);
}
template <class S>
void fields(S& s, replies_body& b) {
  s(b.how, b.holder, b.replies);
}

template <class S>
void fields(S& s, roster_body& b) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& m : b.members) rows.push_back({m.client, m.user, m.info, m.node});
  s(rows, b.entering);
  b.members.clear();
  for (auto& r : rows)
    if (r.size() == 4) b.members.push_back({std::move(r[0]), std::move(r[1]), std::move(r[2]), std::move(r[3])});
}

constexpr std::string_view mark = "a2"; // of this form; another is for another version

template <class Body>
std::string written(const Body& what) {
  std::string out(mark);
  state_writer to(out);
  fields(to, const_cast<Body&>(what)); // a writer only reads
  return out;
}

template <class Body>
std::optional<Body> read(std::string_view bytes) {
  if (!bytes.starts_with(mark)) return std::nullopt;
  try {
    Body out;
    state_reader from(bytes.substr(mark.size()));
    fields(from, out);
    return out;
  } catch (const bad_state&) {
    return std::nullopt;
  }
}

} // namespace

std::string write(const ask_body& what) {
  return written(what);
}
std::string write(const replies_body& what) {
  return written(what);
}
std::string write(const roster_body& what) {
  return written(what);
}
std::optional<ask_body> read_ask(std::string_view bytes) {
  return read<ask_body>(bytes);
}
std::optional<replies_body> read_replies(std::string_view bytes) {
  return read<replies_body>(bytes);
}
std::optional<roster_body> read_roster(std::string_view bytes) {
  return read<roster_body>(bytes);
}

} // namespace plexus::extension
