#pragma once
// The counters of this folder.

#include "actors/runtime/metrics.hpp"

namespace plexus::transport::metrics {

extern const runtime::metrics::counter accepted, refused, failures, bytes_in, bytes_out, messages_in, messages_out;
extern const runtime::metrics::counter slow_closed, dropped_bytes, skipped, evicted, http_requests, emulated;
extern const runtime::metrics::counter tls_handshakes, tls_failures, proxy_headers_refused, connects_limited;
extern const runtime::metrics::counter service_sockets_dropped;
extern const runtime::metrics::counter compressions, compressed_out, compression_saved;
extern const runtime::metrics::gauge connections, sessions, queue_bytes;
extern const runtime::metrics::histogram publish_to_write;

/// Labels of `refused`.
inline constexpr std::size_t at_the_limit = 0, while_draining = 1;

} // namespace plexus::transport::metrics
