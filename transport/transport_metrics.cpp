#include "transport/transport_metrics.hpp"

namespace plexus::transport::metrics {

using runtime::metrics::counter;
using runtime::metrics::gauge;
using runtime::metrics::histogram;

const counter accepted{"plexus_connections_accepted_total", "TCP connections accepted."};
const counter refused{"plexus_connections_refused_total",
                      "Clients refused with 503: at the connection limit, or because the node drains.",
                      "reason",
                      {"limit", "draining"}};
const counter failures{"plexus_connection_failures_total",
                       "Connections ended by an exception: each is a defect, see the log."};
const counter bytes_in{"plexus_received_bytes_total", "Bytes read from sockets."};
const counter bytes_out{"plexus_sent_bytes_total", "Bytes written to sockets."};
const counter messages_in{"plexus_messages_received_total", "Messages of clients."};
const counter messages_out{"plexus_messages_sent_total", "Messages to clients: replies, pushes and pings."};
const counter slow_closed{"plexus_slow_clients_total", "Clients closed with 3008: they did not read."};
const counter dropped_bytes{"plexus_dropped_bytes_total", "Queued bytes dropped with slow clients."};
const counter skipped{
    "plexus_publications_skipped_total",
    "Publications that a slow reader did not get, a newer one of a channel with on_slow latest did."};
const counter evicted{"plexus_queue_memory_closed_total",
                      "Clients closed with 3008 because all queues together were over node.max_queue_memory."};
const counter http_requests{"plexus_http_requests_total",
                            "HTTP requests, by the class of the answer.",
                            "status",
                            {"1xx", "2xx", "3xx", "4xx", "5xx"}};
const counter tls_handshakes{"plexus_tls_handshakes_total",
                             "TLS handshakes that succeeded; resumed: with a ticket of an earlier one.",
                             "kind",
                             {"full", "resumed"}};
const counter tls_failures{
    "plexus_tls_handshake_failures_total",
    "TLS handshakes that did not: not TLS or nothing agreed, too slow, or the client was gone.",
    "reason",
    {"fault", "timeout", "gone"}};
const counter proxy_headers_refused{"plexus_proxy_headers_refused_total",
                                    "Connections of trusted proxies closed for lack of a good PROXY header."};
const counter connects_limited{"plexus_connects_limited_total",
                               "Connects refused by listen.connects_per_second_per_address."};
const counter service_sockets_dropped{
    "plexus_admin_sockets_dropped_total",
    "Admin WebSockets closed because they did not read, or gave no sign of life."};
const counter emulated{"plexus_emulation_requests_total",
                       "Requests to /emulation, by what became of them; refused: not a message at all.",
                       "result",
                       {"accepted", "unknown_node", "busy", "unreachable", "refused"}};
const counter compressions{"plexus_compressions_total",
                           "Messages compressed: a broadcast once for all its subscribers, others for one client.",
                           "of",
                           {"broadcast", "single"}};
const counter compressed_out{"plexus_compressed_messages_sent_total", "Messages to clients that went compressed."};
const counter compression_saved{"plexus_compression_saved_bytes_total",
                                "Bytes that compression took off the messages to clients."};
const gauge connections{"plexus_connections", "Open TCP connections."};
const gauge sessions{"plexus_clients", "Open client sessions."};
const gauge queue_bytes{"plexus_queue_bytes", "Memory of what waits for readers that don't keep up."};
const histogram publish_to_write{
    "plexus_publish_to_write_seconds",
    "From a publication's arrival on this node until it was handed to the kernel for all "
    "its subscribers on a loop.",
    {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1}};

} // namespace plexus::transport::metrics
