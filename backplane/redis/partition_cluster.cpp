// A partition whose slot moves from one server of a Cluster to another.
//
// While a slot is being moved its keys go one by one. A script that ran on part of them would begin logs anew that
// are only on their way; so every script names, besides the gate, a key that never exists. Then Redis itself
// refuses the call before it does anything for as long as the slot is open (TRYAGAIN, or ASK once the gate has
// gone), at the price of one look-up. ASKING is never sent: the new server would take keys that haven't come yet
// for missing.
//
// The batch that was refused stays outstanding and is sent again under its number: what the script had stored of it
// moves along with all other keys of the partition.
//
// Who greets the new server has to tell a move, after which all is there, from a failover, after which writes may
// be missing. It is a move when the old server says MOVED itself and is still who it was, and the new one is who it
// was before the partition was last served by the old one. Then no server has lost anything in between, and the
// generation stays; without that proof `hello` raises it, which is always right.

#include "backplane/redis/partition.hpp"

#include "actors/runtime/log.hpp"
#include "backplane/redis/metrics.hpp"
#include "backplane/redis/slots.hpp"

namespace plexus::backplane::redis {

namespace {

constexpr milliseconds again_after{50};
constexpr milliseconds giving_away{3000};

} // namespace

// The keys of a call, and the first argument.
void partition::add_keys(words& to) const {
  to.add(with_.cluster ? "2" : "1");
  to.add(with_.prefix + "gate");
  if (with_.cluster) to.add(with_.prefix + "none");
}

void partition::add_caller(words& to) const {
  add_keys(to);
  std::string who;
  add_ended(who, with_.prefix, with_.uid, std::to_string(self_.connection()), self_.generation(), self_.inbox());
  to.add(std::move(who));
}

// True when the error was about a slot that moves and is dealt with.
bool partition::redirected(const reply& r, command which) {
  const auto how = redirection_of(r.text());
  if (!with_.cluster || how == redirection::none || phase_ != phase::up) return false;
  const auto at = now();
  if (how == redirection::moved) {
    leave_server(std::string(r.text()));
    return true;
  }
  if (move_.since.count() == 0) {
    move_.since = at;
    count::moves.add();
  }
  if (which == command::read) move_.inbox_at = at + again_after;
  if (which == command::batch) move_.batch_at = at + again_after;
  return true;
}

// A command that was sent then was served: the slot was whole.
void partition::served(milliseconds sent) {
  move_.good = sent;
  move_.since = milliseconds{0};
}

void partition::leave_server(const std::string& why) {
  if (std::exchange(move_.leaving, true)) return;
  const auto by = commands_->where();
  with_.where->refused(why, by);
  commands_->send({"INFO", "server"}, [this, why](const answer_ptr& server) {
    commands_->send({"INFO", "replication"}, [this, why, server](const answer_ptr& replication) {
      const auto info = reply(replication).text();
      const auto is = std::string(info_value(reply(server).text(), "run_id")) + " " +
                      std::string(info_value(info, "master_replid"));
      if (is == mark_ && info_value(info, "role") == "master") {
        move_.from = mark_;
        move_.to = with_.where->mark_there(move_.good);
      }
      doubt(count::moved, why);
    });
  });
}

void partition::watch_move(milliseconds at) {
  // The table may be ahead of a server that is giving the slot away: its own word is worth waiting for.
  const auto patience = move_.since.count() > 0 ? giving_away : milliseconds{0};
  if (move_.leave_by.count() > 0 && at >= move_.leave_by + patience && !move_.leaving)
    return doubt(count::replaced, "another server of the Cluster has the slot now");
  if (move_.batch_at.count() > 0 && at >= move_.batch_at) {
    move_.batch_at = milliseconds{0};
    if (!batches_.outstanding().empty()) send_batch(false);
  }
  if (move_.inbox_at.count() > 0 && at >= move_.inbox_at) {
    move_.inbox_at = milliseconds{0};
    read_inbox();
  }
}

bool partition::moving_for(milliseconds long_, milliseconds at) const {
  return move_.since.count() > 0 && at - move_.since >= long_;
}

} // namespace plexus::backplane::redis
