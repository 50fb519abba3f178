#pragma once
// What an admin client asks, for the whole cluster: every node is asked, the answers are put together, and nodes
// that didn't answer in time are named. Actions need the right to write and a reason, and are written down.

#include "actors/admin/audit.hpp"
#include "actors/admin/desk.hpp"
#include "actors/admin/gate.hpp"
#include "actors/admin/peers.hpp"
#include "actors/admin/workroom.hpp"

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

/// One a node; any loop. Long answers are read, joined and written on a thread of their own, so that no loop stands
/// still for them.
class office {
public:
  /// How long other nodes have to answer.
  static constexpr std::chrono::milliseconds patience{2000};

  /// `elsewhere`: for what takes long.
  office(const environment& env, desk& own, peers& all, workroom elsewhere = workroom()) :
      env_(env), desk_(own), peers_(all), elsewhere_(elsewhere) {}

  /// `done` is called on the calling loop.
  void run(std::string_view method, const json& with, const caller& who, answered done);
  /// What another node (or `run` of this one) asks of this one; `respond` on the calling loop.
  void serve(std::string_view body, std::function<void(std::string)> respond);

  [[nodiscard]] static bool knows(std::string_view method);
  /// What a watch may repeat.
  [[nodiscard]] static bool only_reads(std::string_view method);
  /// The trace of a watcher that is gone.
  void end_trace(const std::string& name);
  /// Does `work` elsewhere and gives `then` what it returned, on the calling loop.
  void aside(std::function<json()> work, answered then) { elsewhere_.run(std::move(work), std::move(then)); }

private:
  using joined = std::function<json(std::vector<json> results, std::vector<std::string> nodes)>;
  static json put_together(const peers::answers& got, const joined& join, bool may_be_elsewhere);
  void ask(std::string node, std::string_view method, const json& with, std::chrono::milliseconds timeout,
           joined join, answered done);
  void read(std::string_view method, const json& with, answered done);
  void channels(const std::string& node, json with, answered done);
  void ranked_channels(const std::string& node, json with, const std::string& sort, std::size_t limit,
                       answered done);
  void channel(const std::string& node, const json& with, answered done);
  void move(json with, answered done);
  void act(std::string_view method, json with, const caller& who, answered done);

  const environment& env_;
  desk& desk_;
  peers& peers_;
  workroom elsewhere_;
  audit audit_;
};

} // namespace plexus::admin
