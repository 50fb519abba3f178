#include "tests/instructions/binary.hpp"

#include "actors/protocol/protobuf_fields.hpp"
#include "tests/actors/protocol/protobuf_bytes.hpp"
#include "tests/instructions/common.hpp"

namespace instruction_scenario {

namespace {

namespace field = protocol::protobuf::field;
namespace wire = protocol::wire;

constexpr std::size_t clients = 30, returning = 10, publications = 300, missed = 100, publications_a_turn = 10;

// As in scenario.cpp: all bytes that the clients get.
constexpr std::size_t expected_bytes = 1'803'930;

const std::string room = "log:room";

/// A command of the protocol in a frame of its own.
std::string command(std::uint64_t id, field::number kind, const std::string& what) {
  return frame(opcode::binary, wire::framed(wire::num(field::command::id, id) + wire::str(kind, what)));
}

std::string publish(std::size_t number) {
  return command(1000 + number, field::command::publish,
                 wire::str(field::publish_request::channel, room) +
                     wire::str(field::publish_request::data, data(number)));
}

/// The text of a field of the subscribe result, which is short.
std::string text_of(std::string_view reply, field::number wanted) {
  const auto tag = static_cast<char>(wanted << 3 | 2);
  const auto at = reply.find(tag, 4); // behind the id and the result's own tag and length
  require(at != std::string_view::npos, "a reply lacks a field");
  return std::string(reply.substr(at + 2, static_cast<unsigned char>(reply[at + 1])));
}

} // namespace

binary_scenario::binary_scenario() : node_(settings()) {
  for (std::size_t i = 0; i < clients; ++i) tokens_.push_back(token_of(i));
}

void binary_scenario::ask(session* who, const std::string& bytes) {
  who->feed(bytes);
  node_.turn();
}

void binary_scenario::come(std::size_t user, bool again) {
  auto* who = &node_.open(protocol::format::protobuf);
  sessions_.push_back(who);
  ask(who, command(1, field::command::connect,
                   wire::str(field::connect_request::token, tokens_[user]) +
                       wire::str(field::connect_request::name, "go")));
  auto request = wire::str(field::subscribe_request::channel, room);
  if (again)
    request += wire::num(field::subscribe_request::recover, 1) +
               wire::str(field::subscribe_request::epoch, epoch_) +
               wire::num(field::subscribe_request::offset, publications);
  ask(who, command(2, field::command::subscribe, request));
  if (again)
    require(count_of("the quick brown fox", who->last_reply) == missed, "not all that was missed was recovered");
  else if (user == 0)
    epoch_ = text_of(who->last_reply, field::subscribe_result::epoch);
}

void binary_scenario::run() {
  for (std::size_t i = 0; i < clients; ++i) come(i, false);
  const auto say = [this](std::size_t from, std::size_t count) {
    for (std::size_t i = from; i < from + count; ++i) {
      if (i % publications_a_turn == 0) node_.turn();
      sessions_[0]->feed(publish(i));
    }
    node_.turn();
  };
  say(0, publications);
  require(sessions_.back()->last_publication.find(data(publications - 1)) != std::string::npos,
          "the last publication did not reach everyone");
  for (std::size_t i = 0; i < returning; ++i) {
    sessions_.back()->lose(false);
    sessions_.pop_back();
    node_.turn();
  }
  say(publications, missed);
  for (auto i = clients - returning; i < clients; ++i) come(i, true);
  for (auto* who : sessions_)
    ask(who,
        command(3, field::command::history,
                wire::str(field::history_request::channel, room) + wire::num(field::history_request::limit, 20)));
  require(count_of("the quick brown fox", sessions_.back()->last_reply) == 20, "a page of the history is not full");
  for (auto* who : sessions_)
    ask(who, command(4, field::command::unsubscribe, wire::str(field::channel_request::channel, room)));
}

void binary_scenario::judge() const {
  tally expected;
  expected.replies = (clients + returning) * 2 + publications + missed + clients * 2;
  expected.publications = publications * clients + missed * (clients - returning);
  // Who comes hears of itself, who goes doesn't.
  expected.joins = up_to(clients) + up_to(clients) - up_to(clients - returning);
  expected.leaves = up_to(clients - 1) - up_to(clients - returning - 1) + up_to(clients - 1);
  expected.bytes = expected_bytes;
  node_.got.require(expected);
}

} // namespace instruction_scenario
