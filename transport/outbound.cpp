#include "transport/outbound.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace plexus::transport {

namespace {
constexpr std::size_t pieces_a_send = 64;
constexpr std::size_t small_chunk = 16'384; // own bytes join one chunk up to here
} // namespace

void outbound::append(std::string_view bytes) {
  bytes_ += bytes.size();
  if (!std::exchange(sealed_, false) && !queue_.empty()) {
    auto& last = queue_.back();
    // What may be dropped takes nothing along that may not.
    if (last.data->skippable == 0 && last.data->use_count() == 1 && last.to == last.data->bytes.size() &&
        last.to + bytes.size() <= small_chunk) {
      last.data->bytes.append(bytes);
      last.to += static_cast<std::uint32_t>(bytes.size());
      last.data->count();
      return;
    }
  }
  queue_.push_back(own_segment(std::string(bytes)));
}

void outbound::append(segment s) {
  bytes_ += s.size();
  queue_.push_back(std::move(s));
}

void outbound::append_rest(segment s, std::size_t done) {
  s.from += static_cast<std::uint32_t>(done);
  begun_ = done > 0;
  append(std::move(s));
}

void outbound::set_mark() {
  mark_ = static_cast<std::uint32_t>(queue_.size());
  sealed_ = true;
}

void outbound::insert_at_mark(std::string_view bytes) {
  insert_at_mark(own_segment(std::string(bytes)));
}

void outbound::insert_at_mark(segment s) {
  bytes_ += s.size();
  auto at = std::min<std::size_t>(std::exchange(mark_, 0),
                                  queue_.size()); // a slow reader's queue may have been dropped meanwhile
  queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(at), std::move(s));
}

std::size_t outbound::unasked() const noexcept {
  auto bytes = bytes_;
  for (auto& s : queue_)
    if (s.data->owed) bytes -= s.size();
  return bytes;
}

outbound::result outbound::write_to(int socket) {
  while (!queue_.empty()) {
    std::array<iovec, pieces_a_send> pieces;
    std::size_t count = 0;
    for (auto& s : queue_) {
      if (count == pieces.size()) break;
      pieces[count++] = {s.data->bytes.data() + s.from, s.size()};
    }
    ssize_t sent = 0;
    if (count == 1) {
      sent = ::send(socket, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = count;
      sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? result::blocked : result::failed;
    }
    consume(static_cast<std::size_t>(sent));
  }
  clear();
  return result::drained;
}

std::string_view outbound::front(std::span<char> scratch) const {
  if (queue_.empty()) return {};
  auto& first = queue_.front();
  std::string_view piece(first.data->bytes.data() + first.from, first.size());
  if (queue_.size() == 1 || piece.size() >= scratch.size()) return piece.substr(0, scratch.size());
  std::size_t filled = 0;
  for (auto& s : queue_) {
    auto count = std::min(s.size(), scratch.size() - filled);
    std::memcpy(scratch.data() + filled, s.data->bytes.data() + s.from, count);
    filled += count;
    if (filled == scratch.size()) break;
  }
  return {scratch.data(), filled};
}

void outbound::consume(std::size_t bytes) {
  auto left = bytes;
  bytes_ -= left;
  auto done = queue_.begin();
  while (done != queue_.end() && left >= done->size()) {
    left -= done->size();
    ++done;
  }
  if (done == queue_.end()) {
    clear();
    return;
  }
  done->from += static_cast<std::uint32_t>(left);
  begun_ = left > 0 || (begun_ && done == queue_.begin());
  queue_.erase(queue_.begin(), done);
}

std::size_t outbound::drop_unsent() {
  // What stands before the mark is the handshake's answer: without it nothing that follows makes sense.
  auto keep = std::max<std::size_t>(begun_ && !queue_.empty() ? 1 : 0, std::min<std::size_t>(mark_, queue_.size()));
  std::size_t dropped = 0;
  for (std::size_t i = keep; i < queue_.size(); ++i) dropped += queue_[i].size();
  queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(keep), queue_.end());
  bytes_ -= dropped;
  // The rest of a large shared chunk must not stay in memory for it.
  if (keep > 0 && queue_.front().data->bytes.size() > 2 * queue_.front().size()) {
    auto& begun = queue_.front();
    chunk_ptr own{new chunk};
    own->bytes.assign(begun.data->bytes, begun.from, begun.size());
    own->owed = begun.data->owed;
    own->count();
    begun = {std::move(own), 0, static_cast<std::uint32_t>(begun.size())};
  }
  return dropped;
}

std::vector<std::uint64_t> outbound::drop_skippable() {
  std::vector<std::uint64_t> dropped;
  auto keep = begun_ && !queue_.empty() ? queue_.begin() + 1 : queue_.begin();
  auto end = std::remove_if(keep, queue_.end(), [&](segment& s) {
    if (s.data->skippable == 0) return false;
    bytes_ -= s.size();
    dropped.push_back(s.data->skippable);
    return true;
  });
  queue_.erase(end, queue_.end());
  return dropped;
}

void outbound::clear() {
  // Not shrink_to_fit: that would give up the place within, and each later segment would be allocated.
  if (queue_.capacity() > 1)
    queue_ = decltype(queue_)();
  else
    queue_.clear();
  bytes_ = 0;
  begun_ = false;
}

} // namespace plexus::transport
