#pragma once
// The phases of the benchmark. Each prints its results as JSON, an object a line, to standard output; they throw
// std::runtime_error when the server didn't do what it should.

#include "load/options.hpp"

namespace plexus::bench {

/// One channel, `connections` subscribers, one publisher that keeps `outstanding` publications under way.
/// Deliveries are counted for `seconds`; in the end every subscriber must have got every publication.
void run_fanout(const options& what);

/// Opens `connections`, prints a line, then answers pings until standard input ends, and prints a second line.
void run_hold(const options& what);

/// Opens `connections` in rounds of `at_once`, which are closed between the rounds, and counts the server's CPU
/// time for opening and for closing.
void run_connect(const options& what);

/// Opens `connections`, `in_flight` at a time, and closes each as soon as it is subscribed: every second one
/// cleanly, the others by closing the socket.
void run_churn(const options& what);

} // namespace plexus::bench
