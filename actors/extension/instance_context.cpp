// What a handler does: collected, until it is known that it doesn't throw.

#include "actors/extension/instance.hpp"

#include <algorithm>
#include <charconv>

namespace plexus::extension {

std::uint16_t allowed_code(std::uint16_t code) {
  const bool good = (code >= 100 && code <= 113) || (code >= 400 && code <= 1999);
  return good ? code : std::uint16_t{100};
}

std::string ticket_of(std::string_view origin, std::uint64_t number) {
  return std::string(origin) + ":" + std::to_string(number);
}

std::optional<std::pair<std::string_view, std::uint64_t>> read_ticket(std::string_view ticket) {
  const auto colon = ticket.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  const auto digits = ticket.substr(colon + 1);
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (fault != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return std::pair{ticket.substr(0, colon), number};
}

void instance::in_handler() const {
  if (!running_) throw std::logic_error("an actor can only do this in a handler");
}

time_point instance::now() const {
  in_handler();
  return now_;
}

void instance::publish(std::string data, std::vector<std::pair<std::string, std::string>> tags, bool keep) {
  in_handler();
  if (data.empty()) throw std::invalid_argument("publish: a publication has data, JSON text");
  commit::publication p;
  p.data = std::move(data);
  p.tags = std::move(tags);
  p.keep = keep;
  staged_.publications.push_back(std::move(p));
}

void instance::set_timer(std::string name, milliseconds after, milliseconds every) {
  in_handler();
  constexpr milliseconds shortest{10};
  if (every != milliseconds{0} && every < shortest)
    throw std::invalid_argument("set_interval: 10 ms is the shortest interval");
  if (timers_.size() + staged_.timers.size() >= most_.max_timers && !timers_.contains(name))
    throw std::length_error("set_timer: an actor has at most 1000 timers");
  staged_.timers.emplace_back(std::move(name), timer{now_ + std::max(after, milliseconds{0}), every});
}

void instance::cancel_timer(std::string_view name) {
  in_handler();
  staged_.timers.emplace_back(std::string(name), std::nullopt);
}

void instance::remove(std::string_view client, std::uint16_t code) {
  in_handler();
  if (const auto found = members_.find(client); found != members_.end())
    staged_.removals.push_back({found->second, code});
}

void instance::set_presence(std::string_view client, std::string json) {
  in_handler();
  if (const auto found = members_.find(client); found != members_.end())
    staged_.presences.push_back({found->second, std::move(json)});
}

void instance::record(std::string change) {
  in_handler();
  object_->apply(change);
  staged_.changes.push_back(std::move(change));
}

void instance::answer(std::string_view ticket, std::uint16_t code, std::string text) {
  in_handler();
  if (text.size() > most_.max_answer) throw std::length_error("answer: larger than what one node sends another");
  extension::answer what;
  if (code == 0) {
    what.data = std::move(text);
  } else {
    what.code = allowed_code(code);
    what.message = std::move(text);
  }
  staged_.answers.emplace_back(std::string(ticket), std::move(what));
}

void instance::run_aside(std::string name, std::function<std::string()> work) {
  in_handler();
  staged_.asides.push_back({std::move(name), std::move(work)});
}

void instance::finish() {
  in_handler();
  staged_.finish = true;
}

void instance::log(std::string_view text) {
  told_.said(text);
}

} // namespace plexus::extension
