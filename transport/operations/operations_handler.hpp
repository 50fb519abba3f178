#pragma once
// What an operator's tools ask: is the node alive, is it ready, what has it counted.

#include "actors/runtime/metrics.hpp"
#include "transport/http/message.hpp"

#include <functional>
#include <string>
#include <vector>

namespace plexus::transport {

/// Why the node isn't ready: the part and a sentence.
struct obstacle {
  std::string part, message;
};

/// /health/live: 200 as long as the loops turn. /health/ready: 200, or 503 with the reasons.
class health_handler final : public http::handler {
public:
  /// `obstacles`: asked at each request, on any loop.
  explicit health_handler(std::function<std::vector<obstacle>()> obstacles) : obstacles_(std::move(obstacles)) {}
  void handle(const http::request& what, http::respond done) override;

private:
  std::function<std::vector<obstacle>()> obstacles_;
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
