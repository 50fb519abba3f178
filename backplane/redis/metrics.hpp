#pragma once
// What the Redis backplane counts. Inside backplane/redis only.

#include "actors/runtime/metrics.hpp"

namespace plexus::backplane::redis::count {

namespace metrics = runtime::metrics;

inline const metrics::histogram round_trip{
    "plexus_backplane_round_trip_seconds",
    "From sending a batch to Redis to its answer.",
    {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1}};
inline const metrics::histogram batch_size{"plexus_backplane_batch_publications",
                                           "Publications in a batch that had any.",
                                           {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}};
inline const metrics::counter received{
    "plexus_backplane_received_total",
    "Publications and presence changes of other nodes that this node's inbox brought."};
inline const metrics::histogram inbox_lag{"plexus_backplane_inbox_lag_seconds",
                                          "Age of publications when they came out of the inbox, by Redis' clock.",
                                          {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5}};
inline const metrics::counter connects{"plexus_backplane_connects_total", "Connections to Redis that came up."};
enum doubt_reason : std::size_t { broken, refused, silent, trimmed, replaced, moved };
inline const metrics::counter doubts{"plexus_backplane_doubts_total",
                                     "Times that all connections of a partition were closed, by reason.",
                                     "reason",
                                     {"broken", "refused", "silent", "trimmed", "replaced", "moved"}};
enum generation_reason : std::size_t { restarted, taken_over, lost, unproven };
inline const metrics::counter generations{
    "plexus_backplane_generations_total",
    "New generations of partitions that this node met while it ran, by reason.",
    "reason",
    {"restarted", "replaced", "lost", "moved"}};
inline const metrics::counter moves{
    "plexus_backplane_moves_total",
    "Times that a partition waited because its slot of the Cluster was being moved."};
enum enroll_reason : std::size_t { subscribed, connected, hole, other_epoch, swept };
inline const metrics::counter enrolls{"plexus_backplane_registrations_total",
                                      "Registrations of channels, by reason.",
                                      "reason",
                                      {"subscribed", "connected", "hole", "epoch", "sweep"}};
inline const metrics::counter in_doubt{"plexus_backplane_channels_in_doubt_total",
                                       "Channels of which not everything that was missed could be read again."};
inline const metrics::counter script_errors{"plexus_backplane_script_errors_total",
                                            "Batches, greetings and renewals that Redis answered with an error."};
inline const metrics::counter given_up{"plexus_backplane_given_up_total",
                                       "Steps answered with error 100 because Redis was away or too slow."};
inline const metrics::counter overflow{"plexus_backplane_overflow_total",
                                       "Steps refused because max_pending others waited, or 64 MB of them."};
inline const metrics::counter shared_reads{
    "plexus_backplane_shared_reads_total",
    "Recoveries and pages of history that were read together with another's."};
inline const metrics::counter cleaned{"plexus_backplane_cleaned_members_total",
                                      "Members of nodes that were gone, taken out by this node."};

} // namespace plexus::backplane::redis::count
