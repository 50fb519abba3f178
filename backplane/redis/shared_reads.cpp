#include "backplane/redis/shared_reads.hpp"

#include <algorithm>

namespace plexus::backplane::redis {

namespace {

std::string words_of(const recover_step& s) {
  return "R " + s.since.epoch + ' ' + std::to_string(s.since.offset) + ' ' + std::to_string(s.max);
}

std::string words_of(const history_step& s) {
  const auto& [since, limit, reverse] = s.what;
  std::string out = reverse ? "H- " : "H ";
  if (since) out += since->epoch + ' ' + std::to_string(since->offset);
  if (limit) out += " limit " + std::to_string(*limit);
  return out;
}

/// One after the other, each in a task of its own: thousands of answers must not hold up what else the loop has.
template <class T>
void tell(const backplane::executor& run, const std::string& channel,
          const std::shared_ptr<std::vector<answer<T>>>& who, const std::shared_ptr<const outcome<T>>& what,
          std::size_t next) {
  if (next + 1 < who->size())
    run(channel, [run, channel, who, what, next] { tell(run, channel, who, what, next + 1); });
  std::exchange((*who)[next], nullptr)(*what);
}

} // namespace

template <class T>
bool shared_reads::join(step& what, std::string words, answer<T>& done) {
  auto& there = open_[what.channel];
  const auto same =
      std::find_if(there.begin(), there.end(), [&](const question& each) { return each.words == words; });
  if (same != there.end() && same->until + patience_ >= what.until) {
    std::get<askers<T>>(same->who)->push_back(std::move(done));
    return true;
  }
  if (same != there.end()) there.erase(same);
  auto who = std::make_shared<std::vector<answer<T>>>();
  who->push_back(std::move(done));
  done = [run = run_, channel = what.channel, who](outcome<T> answer) {
    tell<T>(run, channel, who, std::make_shared<const outcome<T>>(std::move(answer)), 0);
  };
  there.push_back({std::move(words), what.until, std::move(who)});
  return false;
}

bool shared_reads::join(step& what) {
  if (auto* r = std::get_if<recover_step>(&what.what)) return r->done && join(what, words_of(*r), r->done);
  if (auto* h = std::get_if<history_step>(&what.what)) return h->done && join(what, words_of(*h), h->done);
  if (!what.reads()) close(what.channel);
  return false;
}

} // namespace plexus::backplane::redis
