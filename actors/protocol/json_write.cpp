#include "actors/protocol/json_write.hpp"

#include <charconv>

namespace plexus::protocol::json {

void append_number(std::string& out, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void object_writer::key(std::string_view name) {
  out_ += first_ ? "\"" : ",\"";
  first_ = false;
  out_ += name;
  out_ += "\":";
}

void object_writer::flag(std::string_view name, bool value) {
  if (!value) return;
  key(name);
  out_ += "true";
}

void object_writer::number(std::string_view name, std::uint64_t value) {
  if (value != 0) count(name, value);
}

void object_writer::count(std::string_view name, std::uint64_t value) {
  key(name);
  append_number(out_, value);
}

void object_writer::text(std::string_view name, std::string_view value) {
  if (value.empty()) return;
  key(name);
  append_string(out_, value);
}

void object_writer::json(std::string_view name, std::string_view value) {
  if (value.empty()) return;
  key(name);
  out_ += value;
}

void append_client_info(std::string& out, const client_info& info) {
  object_writer to(out);
  to.key("user");
  append_string(out, info.user);
  to.key("client");
  append_string(out, info.client);
  to.json("conn_info", info.conn_info);
  to.json("chan_info", info.channel_info);
  to.close();
}

namespace {

/// As a string, where deltas were agreed on: the client applies a delta to the text that is in it.
void append_payload_text(std::string& out, const publication& what, data_form form, std::string_view delta) {
  if (form == data_form::delta) {
    append_string(out, delta);
  } else if (what.binary) {
    std::string text;
    append_base64(text, what.data);
    append_string(out, text);
  } else {
    append_string(out, what.data.empty() ? std::string_view("null") : std::string_view(what.data));
  }
}

/// Whatever the bytes are, one JSON value on one line: they stand among others' messages.
void append_payload(std::string& out, const publication& what) {
  if (what.data.empty())
    out += "null";
  else if (what.binary)
    append_base64(out, what.data);
  else
    append_one_line(out, what.data);
}

} // namespace

void append_publication(std::string& out, const publication& what, data_form form, std::string_view delta) {
  object_writer to(out);
  to.key("data");
  if (form == data_form::plain)
    append_payload(out, what);
  else
    append_payload_text(out, what, form, delta);
  if (what.info) {
    to.key("info");
    append_client_info(out, *what.info);
  }
  to.number("offset", what.offset);
  if (what.offset == 1) to.text("epoch", what.epoch);
  if (!what.tags.empty()) {
    to.key("tags");
    out += '{';
    append_all(out, what.tags, [&](const auto& tag) {
      append_string(out, tag.first);
      out += ':';
      append_string(out, tag.second);
    });
    out += '}';
  }
  to.flag("delta", form == data_form::delta);
  to.close();
}

void append_publications(std::string& out, const std::vector<publication_ptr>& list, data_form form) {
  out += '[';
  append_all(out, list, [&](const publication_ptr& one) { append_publication(out, *one, form); });
  out += ']';
}

void append_reply(std::string& out, const presence_reply& what) {
  object_writer to(out);
  to.key("presence");
  out += '{';
  append_all(out, what.members, [&](const client_info& one) {
    append_string(out, one.client);
    out += ':';
    append_client_info(out, one);
  });
  out += '}';
  to.close();
}

void append_reply(std::string& out, const presence_stats_reply& what) {
  object_writer to(out);
  to.count("num_clients", what.clients);
  to.count("num_users", what.users);
  to.close();
}

void append_reply(std::string& out, const history_reply& what) {
  object_writer to(out);
  to.key("publications");
  append_publications(out, what.publications);
  to.text("epoch", what.at.epoch);
  to.count("offset", what.at.offset);
  to.close();
}

void append_reply(std::string& out, const rpc_reply& what) {
  object_writer to(out);
  to.json("data", what.data);
  to.close();
}

} // namespace plexus::protocol::json
