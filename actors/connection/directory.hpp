#pragma once
// Who is connected to this node: each loop knows its own clients, and those with a user name by that name, so that
// the API can find them.

#include "actors/runtime/runtime.hpp"

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plexus::connection {

class client;

/// The connected clients of one loop; its thread only.
class client_list {
public:
  void add(client& who);
  void remove(client& who);

  /// Calls `work` for each connection of the user.
  void each_of(std::string_view user, const std::function<void(client&)>& work) const;
  void each(const std::function<void(client&)>& work) const;
  /// For those who walk with pauses: from the end to the begin. Who leaves meanwhile may bring one that was seen to
  /// a lower place, so one may come twice; nobody who stays is left out.
  [[nodiscard]] client& at(std::size_t place) const noexcept { return *all_[place]; }

  /// `who` lives by a token of this `jti`, for the connection or a subscription. `id` stays where it is until
  /// `let_go`.
  void hold(std::string_view id, client& who) { by_token_.emplace(id, &who); }
  void let_go(std::string_view id, client& who);
  /// Calls `work` for each client that holds a token of this `jti`.
  void each_holding(std::string_view id, const std::function<void(client&)>& work) const;

  [[nodiscard]] std::size_t clients() const noexcept { return all_.size(); }
  /// Distinct user names.
  [[nodiscard]] std::vector<std::string_view> users() const;

private:
  std::vector<client*> all_; ///< each knows its index, so that leaving costs the same however many there are
  using named = std::unordered_multimap<std::string_view, client*>;
  static void remove(named& from, std::string_view name, client& who);
  static void each_of(const named& in, std::string_view name, const std::function<void(client&)>& work);

  named by_user_;  ///< keys are the clients' own strings
  named by_token_; ///< keys are those of `held_token`
};

/// One a node.
class directory {
public:
  explicit directory(unsigned loops) : lists_(loops) {}
  [[nodiscard]] client_list& on(const runtime::loop& loop) noexcept { return lists_[loop.index()]; }

  /// Counts a connection of `user` against `limit` (0: none); false at the limit. Any thread.
  bool take_place(const std::string& user, std::size_t limit);
  void give_place(const std::string& user);

private:
  std::vector<client_list> lists_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> places_; ///< guarded; only while a limit is configured
};

} // namespace plexus::connection
