#include "auction.hpp"

#include <plexus/json.hpp>

namespace json = plexus::json;

// Whoever comes gets the lot as it stands; every change after that comes as a publication.
void auction::on_subscribe(plexus::subscribing& s) {
  s.reply(lot());
}

// Clients may have the right to publish; in this channel only the auctioneer speaks.
void auction::on_publication(plexus::publishing& p) {
  p.refuse(103, "bid with auction.bid");
}

void auction::on_call(plexus::call& c) {
  if (c.verb == "bid")
    bid(c);
  else if (c.verb == "open")
    open(c);
  else if (c.verb == "show")
    c.reply(lot());
  else
    c.unknown();
}

void auction::open(plexus::call& c) {
  if (phase_ == phase::open) return c.refuse(409, "the auction is open already");
  phase_ = phase::open;
  price_ = json::object(c.data).integer("start").value_or(0);
  leader_.clear();
  bids_ = 0;
  end_ = now() + length;
  set_timer("end", length);
  publish(lot());
  c.reply(lot());
}

void auction::bid(plexus::call& c) {
  const auto amount = json::object(c.data).integer("amount");
  if (!amount) return c.refuse(107, "a bid has an amount");
  if (phase_ != phase::open) return c.refuse(409, "the auction isn't open");
  if (c.from.user.empty()) return c.refuse(403, "who bids needs a name");
  if (*amount <= price_) return c.refuse(409, "the price is " + std::to_string(price_) + " already");
  price_ = *amount;
  leader_ = c.from.user;
  ++bids_;
  if (end_ - now() < extension) {
    end_ = now() + extension;
    set_timer("end", extension);
  }
  publish(lot());
  c.reply(lot());
}

void auction::on_timer(std::string_view name) {
  if (name != "end") return;
  phase_ = phase::sold;
  publish(lot());
}

std::string auction::lot() const {
  constexpr const char* names[] = {"waiting", "open", "sold"};
  return json::write("phase", names[static_cast<int>(phase_)], "price", price_, "leader", leader_, "bids", bids_,
                     "end", end_.time_since_epoch().count());
}

PLEXUS_PLUGIN(plugin) {
  plugin.actor<auction>("auction");
}
