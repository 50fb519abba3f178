#pragma once
// What an admin client asks, for the whole cluster: every node is asked, the answers are put together, and nodes
// that didn't answer in time are named. Actions need the right to write and a reason, and are written down.

#include "actors/admin/audit.hpp"
#include "actors/admin/desk.hpp"
#include "actors/admin/gate.hpp"
#include "actors/admin/peers.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace plexus::admin {

/// On whose behalf something is asked.
struct caller {
  access may = access::none;
  std::string by; ///< for the audit log: who and from where
};

/// One a node; any loop.
class office {
public:
  /// How long other nodes have to answer.
  static constexpr std::chrono::milliseconds patience{2000};

  office(const environment& env, desk& own, peers& all) : env_(env), desk_(own), peers_(all) {}

  /// `done` is called on the calling loop.
  void run(std::string_view method, const json& with, const caller& who, answered done);
  /// What another node (or `run` of this one) asks of this one; `respond` on the calling loop.
  void serve(std::string_view body, std::function<void(std::string)> respond);

  [[nodiscard]] static bool knows(std::string_view method);
  /// What a watch may repeat.
  [[nodiscard]] static bool only_reads(std::string_view method);
  /// The trace of a watcher that is gone.
  void end_trace(const std::string& name);

private:
  using joined = std::function<json(std::vector<json> results, std::vector<std::string> nodes)>;
  void ask(std::string node, std::string_view method, const json& with, std::chrono::milliseconds timeout,
           joined join, answered done);
  void read(std::string_view method, const json& with, answered done);
  void channel(const json& with, answered done);
  void move(json with, answered done);
  void act(std::string_view method, json with, const caller& who, answered done);

  const environment& env_;
  desk& desk_;
  peers& peers_;
  audit audit_;
};

} // namespace plexus::admin
