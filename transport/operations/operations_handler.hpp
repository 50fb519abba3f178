#pragma once
// What an operator's tools ask: is the node alive, is it ready, what has it counted.

#include "actors/runtime/metrics.hpp"
#include "transport/http/message.hpp"

#include <functional>
#include <string>
#include <vector>

namespace plexus::transport {

/// Why the node isn't ready, or what isn't well although it is: the part and a sentence.
struct obstacle {
  std::string part, message;
};

/// /health/live: 200 as long as the loops turn. /health/ready: 200, or 503 with the reasons. What isn't well though
/// the node is ready stands among the reasons of a 200.
class health_handler final : public http::handler {
public:
  using list = std::function<std::vector<obstacle>()>;
  /// Both are asked at each request, on any loop.
  health_handler(list obstacles, list remarks) : obstacles_(std::move(obstacles)), remarks_(std::move(remarks)) {}
  void handle(const http::request& what, http::respond done) override;

private:
  list obstacles_, remarks_;
};

/// /metrics in Prometheus' text format.
class metrics_handler final : public http::handler {
public:
  explicit metrics_handler(std::function<std::vector<runtime::metrics::sample>()> extra) :
      extra_(std::move(extra)) {}
  void handle(const http::request& what, http::respond done) override;

private:
  std::function<std::vector<runtime::metrics::sample>()> extra_;
};

} // namespace plexus::transport
