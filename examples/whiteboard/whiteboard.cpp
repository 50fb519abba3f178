#include "whiteboard.hpp"

#include <plexus/json.hpp>

namespace json = plexus::json;

// A change is what the clients get too: {"op":"put","id":"..","by":"..","shape":{..},"v":7}, or "drop", or "clear".
// Of two that change one stroke at once the later one holds: they come here one after the other.
void whiteboard::apply(std::string_view change) {
  const json::object what(change);
  const auto op = what.string("op");
  version_ = static_cast<std::uint64_t>(what.integer("v").value_or(0));
  if (op == "clear") {
    strokes_.clear();
  } else if (op == "drop") {
    strokes_.erase(what.string("id").value_or(""));
  } else if (op == "put") {
    strokes_[what.string("id").value_or("")] = {what.string("by").value_or(""),
                                                std::string(what.find("shape").value_or("null")), version_};
  }
}

void whiteboard::change(std::string what) {
  publish(what);
  record(std::move(what));
}

void whiteboard::on_subscribe(plexus::subscribing& s) {
  std::string all = "[";
  for (const auto& [id, each] : strokes_) {
    if (all.size() > 1) all += ',';
    all += json::write("id", id, "by", each.by, "shape", json::raw{each.shape}, "v", each.version);
  }
  s.reply(json::write("v", version_, "strokes", json::raw{all += ']'}));
}

// Pointers: seen by all, kept by nobody.
void whiteboard::on_publication(plexus::publishing& p) {
  p.take_over();
  if (p.from) publish_passing(json::write("op", "pointer", "by", p.from->user, "at", json::raw{p.data}));
}

void whiteboard::on_call(plexus::call& c) {
  const json::object in(c.data);
  const auto id = in.string("id");
  const auto next = version_ + 1;
  if (c.verb == "put") {
    const auto shape = in.find("shape");
    if (!id || !shape) return c.refuse(107, "put wants an id and a shape");
    if (strokes_.size() >= max_strokes && !strokes_.contains(*id)) return c.refuse(106, "the board is full");
    change(json::write("op", "put", "id", *id, "by", c.from.user, "shape", json::raw{*shape}, "v", next));
  } else if (c.verb == "drop") {
    if (!id || !strokes_.contains(*id)) return c.refuse(404, "there is no such stroke");
    change(json::write("op", "drop", "id", *id, "v", next));
  } else if (c.verb == "clear") {
    change(json::write("op", "clear", "v", next));
  } else {
    return c.unknown();
  }
  c.reply(json::write("v", next));
}

PLEXUS_PLUGIN(plugin) {
  plugin.actor<whiteboard>("whiteboard");
}
