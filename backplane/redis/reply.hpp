#pragma once
// A view of what Redis answered. hiredis parses and owns it. Inside backplane/redis only.

#include "backplane/redis/wire.hpp"

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace plexus::backplane::redis {

/// A whole answer, freed with its last owner.
using answer_ptr = std::shared_ptr<const redisReply>;

/// A look at an answer or a part of it.
class reply {
public:
  reply() = default;
  explicit reply(const answer_ptr& whole) : what_(whole.get()) {}
  explicit reply(const redisReply* what) : what_(what) {}

  [[nodiscard]] bool is_error() const { return what_ && what_->type == REDIS_REPLY_ERROR; }
  [[nodiscard]] bool is_list() const { return what_ && what_->type == REDIS_REPLY_ARRAY; }
  [[nodiscard]] bool is_nothing() const { return !what_ || what_->type == REDIS_REPLY_NIL; }
  /// Empty for what is no text.
  [[nodiscard]] std::string_view text() const {
    if (!what_ || (what_->type != REDIS_REPLY_STRING && what_->type != REDIS_REPLY_STATUS && !is_error()))
      return {};
    return {what_->str, static_cast<std::size_t>(what_->len)};
  }
  /// 0 for what is no number.
  [[nodiscard]] std::uint64_t number() const {
    if (!what_) return 0;
    if (what_->type == REDIS_REPLY_INTEGER) return static_cast<std::uint64_t>(what_->integer);
    return to_number(text()).value_or(0);
  }
  [[nodiscard]] std::size_t size() const { return is_list() ? what_->elements : 0; }
  /// Nothing beyond the end.
  [[nodiscard]] reply operator[](std::size_t i) const { return i < size() ? reply(what_->element[i]) : reply(); }

private:
  const redisReply* what_ = nullptr;
};

} // namespace plexus::backplane::redis
