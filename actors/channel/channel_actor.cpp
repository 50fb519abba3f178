#include "actors/channel/channel_actor.hpp"

#include "actors/channel/delivery.hpp"
#include "actors/extension/host.hpp"
#include "actors/runtime/metrics.hpp"

namespace plexus::channel {

namespace {
const runtime::metrics::gauge channels{"plexus_channels", "Channels in use on this node."};
}

struct channel_actor::doubt_timer final : runtime::timer {
  explicit doubt_timer(channel_actor& of) : owner(of) {}
  void expired() override { owner.in_doubt(); }
  channel_actor& owner;
};

struct channel_actor::idle_timer final : runtime::timer {
  explicit idle_timer(channel_actor& of) : owner(of) {}
  void expired() override { owner.retire(); }
  channel_actor& owner;
};

channel_actor::channel_actor(caf::actor_config& config, runtime::loop& home, channel_table& table, std::string name,
                             const config::channel_options& options) :
    runtime::pinned_actor(config, home, "channel"),
    table_(table),
    name_(std::make_shared<const std::string>(std::move(name))),
    channel_(std::make_shared<channel>(name_, options, table.node_runtime.size(), table.plane,
                                       static_cast<channel_port&>(*this))),
    observer_(std::make_shared<presence::observer*>(static_cast<presence::observer*>(this))),
    idle_timer_(std::make_unique<idle_timer>(*this)),
    doubt_timer_(std::make_unique<doubt_timer>(*this)) {
  channels.add(1);
  idle();
}

channel_actor::~channel_actor() = default;

caf::behavior channel_actor::make_behavior() {
  return {
      [this](publish& m) {
        handled();
        channel_->on_publish(std::move(m));
      },
      [this](subscribe& m) {
        handled();
        channel_->on_subscribe(std::move(m));
      },
      [this](const unsubscribe& m) {
        handled();
        channel_->on_unsubscribe(m);
      },
      [this](read_history& m) {
        handled();
        channel_->on_history(std::move(m));
      },
      [this](remove_history& m) {
        handled();
        channel_->on_remove_history(std::move(m));
      },
      [this](read_presence& m) {
        handled();
        on_read_presence(std::move(m.done));
      },
      [this](update_presence& m) {
        handled();
        if (presence_)
          caf::anon_send(presence_,
                         presence::update{std::move(m.client), std::move(m.channel_info), std::move(m.done)});
        else
          m.done(protocol::error_code::permission_denied);
      },
      [this](const options_changed&) {
        handled();
        auto* now = table_.settings->options_of(*name_);
        if (!now) return;
        channel_->set_options(*now);
        if (presence_) caf::anon_send(presence_, presence::set_grace{now->presence_grace});
      },
  };
}

void channel_actor::on_exit() {
  *observer_ = nullptr;
  idle_timer_->disarm();
  doubt_timer_->disarm();
  if (presence_) caf::anon_send_exit(presence_, caf::exit_reason::user_shutdown);
  if (failed()) {
    // What this actor knew is lost; its subscribers begin anew (2500) with an actor that a later message makes.
    for (unsigned i = 0; i < table_.transports.size(); ++i) dissolve_on(i);
  }
  channel_->close();
  channel_.reset();
  forget();
  channels.add(-1);
}

void channel_actor::published_elsewhere(const protocol::publication_ptr& what) {
  if (channel_) channel_->on_published_elsewhere(what);
}

void channel_actor::presence_changed_elsewhere(const backplane::presence_change& change) {
  if (presence_object_) presence_object_->changed_elsewhere(change);
}

void channel_actor::in_doubt() {
  if (channel_) channel_->on_in_doubt();
}

void channel_actor::presence_in_doubt() {
  if (presence_object_) presence_object_->load();
}

void channel_actor::doubt_later() {
  constexpr std::chrono::milliseconds pause{500};
  home().arm(*doubt_timer_, home().now() + pause);
}

void channel_actor::handled() {
  if (entry_) --entry_->in_mailbox;
}

void channel_actor::fan_out_to(unsigned loop, const protocol::broadcast_ptr& what) {
  caf::anon_send(table_.transports[loop], fan_out{what});
}

void channel_actor::dissolve_on(unsigned loop) {
  caf::anon_send(table_.transports[loop], dissolve{name_});
}

caf::actor& channel_actor::presence_actor() {
  if (!presence_) {
    presence_ = runtime::spawn_on<presence::presence_actor>(home(), *name_, table_.plane,
                                                            channel_->options().presence_grace, observer_);
    presence_object_ = static_cast<presence::presence_actor*>(caf::actor_cast<caf::abstract_actor*>(presence_));
  }
  return presence_;
}

void channel_actor::presence_enter(const protocol::client_info& who) {
  ++told_;
  caf::anon_send(presence_actor(), presence::enter{who});
}

void channel_actor::presence_leave(const std::string& client, bool clean, bool returns) {
  // Clients wait half a second and more before they subscribe again; its members must not flap.
  constexpr std::chrono::seconds way_back{8};
  ++told_;
  // A new actor of a channel whose last one failed finds the members in the backplane.
  caf::anon_send(presence_actor(),
                 presence::leave{client, clean && !returns, returns ? way_back : way_back.zero()});
}

void channel_actor::joined(const protocol::client_info& who) {
  if (channel_) channel_->announce(protocol::join_push{who});
}

void channel_actor::left(const protocol::client_info& who) {
  if (channel_) channel_->announce(protocol::leave_push{who});
}

void channel_actor::settled(std::uint64_t handled) {
  if (channel_ && handled == told_) channel_->presence_settled();
}

// Who is a member here is in nobody's hands now. Its subscribers come again and enter anew; those who don't, leave:
// the next actor is told of each.
void channel_actor::presence_failed() {
  presence_ = nullptr;
  presence_object_ = nullptr;
  fail();
}

// Without occupancy nobody tells this node what changes: whatever it knew may be old.
void channel_actor::on_read_presence(presence::members_answer then) {
  if (presence_ && channel_->occupied()) {
    caf::anon_send(presence_, presence::query{std::move(then)});
    return;
  }
  table_.plane.members(*name_, [then = std::move(then)](backplane::outcome<backplane::presence_snapshot> all) {
    if (!all) {
      then(all.error());
      return;
    }
    presence::member_set members;
    members.reset(std::move(*all));
    then(&members);
  });
}

void channel_actor::ask_actor(extension::command what, std::function<void(const extension::delivered&)> heard) {
  if (table_.actors)
    table_.actors->submit(*name_, std::move(what), std::move(heard));
  else
    heard({{100, "internal server error", {}, false, false}, {}});
}

void channel_actor::idle() {
  if (!idle_timer_->armed()) home().arm(*idle_timer_, home().now() + channel_table::linger);
}

void channel_actor::in_use() {
  idle_timer_->disarm();
}

void channel_actor::retire() {
  if (!channel_->is_idle()) return;
  if (entry_ && entry_->in_mailbox > 0) {
    idle();
    return;
  }
  // Out of the table at once: a message sent from now on makes a new actor.
  auto self = caf::actor_cast<caf::actor>(ctrl());
  forget();
  caf::anon_send_exit(self, caf::exit_reason::user_shutdown);
}

void channel_actor::forget() {
  if (std::exchange(entry_, nullptr)) table_.erase(*name_);
}

} // namespace plexus::channel
