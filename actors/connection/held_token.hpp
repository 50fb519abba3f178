#pragma once
// What is kept of a token for as long as a connection or a subscription lives by it.

#include "actors/connection/directory.hpp"
#include "actors/connection/token.hpp"

#include <memory>
#include <optional>
#include <string>

namespace plexus::connection {

/// Known to the loop's list of clients by its `jti`, so that revoking it finds who holds it. On that loop's thread.
class held_token {
public:
  held_token(client_list& in, client& who, claims& from) :
      in_(in), who_(who), id_(std::move(from.id)), issued_at_(from.issued_at) {
    if (from.can != rights{}) can_ = std::make_unique<rights>(std::move(from.can));
    if (!id_.empty()) in_.hold(id_, who_);
  }
  ~held_token() {
    if (!id_.empty()) in_.let_go(id_, who_);
  }
  held_token(const held_token&) = delete;
  held_token& operator=(const held_token&) = delete;

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  [[nodiscard]] std::optional<std::int64_t> issued_at() const noexcept { return issued_at_; }
  /// Null: none.
  [[nodiscard]] const rights* can() const noexcept { return can_.get(); }

private:
  client_list& in_;
  client& who_;
  std::string id_;
  std::optional<std::int64_t> issued_at_;
  std::unique_ptr<rights> can_;
};

} // namespace plexus::connection
