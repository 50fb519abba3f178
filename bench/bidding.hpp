#pragma once
// The actor that is measured: as small as one that somebody might use.

#include <plexus/channel_actor.hpp>
#include <plexus/json.hpp>

#include <cstdint>
#include <string>

class bidding final : public plexus::channel_actor {
public:
  void on_call(plexus::call& c) override {
    price_ += plexus::json::object(c.data).integer("amount").value_or(1);
    leader_ = c.from.user;
    c.reply(plexus::json::write("price", price_));
  }

private:
  std::int64_t price_ = 0;
  std::string leader_;
  PLEXUS_STATE(price_, leader_)
};
