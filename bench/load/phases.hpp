#pragma once
// The phases of the benchmark. Each prints its results as JSON, an object a line, to standard output; they throw
// std::runtime_error when the server didn't do what it should.

#include "load/options.hpp"

namespace plexus::bench {

/// One channel, `connections` subscribers, one publisher that keeps `outstanding` publications under way.
/// Deliveries are counted for `seconds`, or there are `publications` in all; in the end every subscriber must have
/// got every publication.
void run_fanout(const options& what);

/// The same with `channels` channels of different sizes, published to one after the other. Of each twenty channels
/// the subscribers are 50, 30, 20, 16, 12, 10, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3, 2, 2 and 1: 200, so that 1,000
/// channels have 10,000. A publication is done when as many deliveries came as it and those before it are due.
void run_mixed(const options& what);

/// Opens `connections`, prints a line, then answers pings until standard input ends, and prints a second line.
void run_hold(const options& what);

/// Opens `connections` in rounds of `at_once`, which are closed between the rounds, and counts the server's CPU
/// time for opening and for closing.
void run_connect(const options& what);

/// Opens `connections`, `in_flight` at a time, and closes each as soon as it is subscribed: every second one
/// cleanly, the others by closing the socket.
void run_churn(const options& what);

/// Opens `connections` and prints a line; for each line on standard input drops all of them without a close frame,
/// opens them again at once, and prints how long that took. With `missed` that many are published to their channel
/// meanwhile, and each of them recovers all.
void run_crowd(const options& what);

/// Opens `connections`, publishes `missed` publications and prints a line; for each line on standard input all of
/// them ask for a page of the history with all of these at once, and it prints how long that took.
void run_history(const options& what);

/// `connections` subscribers of a channel each, and a publisher that publishes `rate` times a second, to one after
/// the other. For each line on standard input, and at its end, prints the latencies since the last one. A
/// publication that is lost, doubled or out of order is an error.
void run_pace(const options& what);

/// `connections` subscribers of `channels` channels with history, spread over `ports`, who come again with their
/// positions whenever a connection ends. A publication's data is {"number": its offset}. For each line on standard
/// input, and at its end, prints what was lost, doubled or not recovered, and how long clients were away.
void run_roll(const options& what);

/// `connections` that keep alive publish over the HTTP API, each a request at a time with `batch` publications, to
/// one channel after the other, for `seconds`.
void run_api(const options& what);

/// Many channels, on one node or several of a cluster: `connections` subscribers on each, spread over `channels`.
/// `publishers` connections of the first node publish to one channel after the other, or (0) its subscribers each
/// to their own; at `rate`, whatever the answers do, or `outstanding` at a time. Latency counts from when a
/// publication was due. Every subscriber must get every publication of its channel once, those with offsets in
/// order.
void run_spread(const options& what);

} // namespace plexus::bench
