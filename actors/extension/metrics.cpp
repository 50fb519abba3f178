#include "actors/extension/metrics.hpp"

namespace plexus::extension::count {

const counter publications{"plexus_publications_total", "Publications appended through this node."};
const counter duplicates{"plexus_publications_duplicate_total",
                         "Publications whose idempotency key was known already."};
const gauge cells{"plexus_actor_instances", "Channel actors that live on this node."};
const counter starts{"plexus_actor_starts_total",
                     "Channel actors started on this node.",
                     "reason",
                     {"first", "again", "moved", "rescued"}};
const counter commands{"plexus_actor_commands_total", "Commands that channel actors of this node were given."};
const counter forwarded{"plexus_actor_forwarded_total", "Commands sent to the node that has their channel actor."};
const counter repeated{"plexus_actor_repeated_total",
                       "Commands given again because it wasn't known whether they were done."};
const counter writes{"plexus_actor_writes_total", "What channel actors did, written to the backplane."};
const counter refused_writes{"plexus_actor_fenced_total",
                             "Writes that the backplane refused: another node has the channel actor by now."};
const counter unknown_writes{"plexus_actor_writes_unknown_total",
                             "Writes of which the backplane didn't say whether they happened."};
const counter failures{"plexus_actor_handler_failures_total",
                       "Handlers of channel actors that threw; what they did was undone."};
const counter slow{"plexus_actor_slow_handlers_total", "Handlers that took longer than actor_budget."};
const counter mailbox_full{"plexus_actor_mailbox_full_total", "Commands refused at max_actor_mailbox."};
const counter keys_forgotten{"plexus_actor_keys_forgotten_total",
                             "Idempotency keys that channel actors forgot before their time."};
const counter words_lost{"plexus_actor_words_lost_total",
                         "Removals, presence states and late answers that a member's node could not be told."};
const counter given_up{"plexus_actor_given_up_total",
                       "Commands answered with error 100: their channel actor was out of reach for too long."};
const counter hook_failures{"plexus_hook_failures_total", "Hooks that threw."};
const counter asides{"plexus_actor_asides_total", "Functions run aside for channel actors."};
const counter asides_refused{"plexus_actor_asides_refused_total", "Functions that were not run: too many waited."};
const histogram handler_time{"plexus_actor_handler_seconds",
                             "How long handlers of channel actors took.",
                             {0.00001, 0.0001, 0.001, 0.005, 0.02, 0.05, 0.2, 1}};
const histogram write_time{"plexus_actor_write_seconds",
                           "From handing a channel actor's write to the backplane to its answer.",
                           {0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1, 5}};

} // namespace plexus::extension::count
