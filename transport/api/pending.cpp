#include "transport/api/pending.hpp"

#include "transport/api/answer.hpp"

#include <utility>

namespace plexus::transport::api {

using protocol::api_answer;

pending::~pending() {
  if (done_ && !open_.expired()) tell(protocol::api_error{protocol::error_code::internal, {}});
}

void pending::tell(api_answer what) {
  auto done = std::exchange(done_, nullptr);
  if (!done) return;
  if (const auto* error = std::get_if<protocol::api_error>(&what)) count_error(error->code);
  auto task = [done = std::move(done), what = std::move(what)]() mutable { done(std::move(what)); };
  // Not at once even at home: what takes the answer must not run inside a channel's handler, and the answers of a
  // long batch must not pile up on the stack.
  if (home_.here())
    home_.defer(std::move(task));
  else
    home_.post(std::move(task));
}

namespace {

struct gathering {
  std::vector<api_answer> answers;
  std::size_t left = 0;
  start_one start; ///< only where the commands come in turn
  all_answered done;
};
using gathering_ptr = std::shared_ptr<gathering>;

void start_next(const gathering_ptr& all) {
  if (all->left == 0) {
    all->done(std::move(all->answers));
    return;
  }
  const auto index = all->answers.size() - all->left;
  all->start(index, [all, index](api_answer what) {
    all->answers[index] = std::move(what);
    --all->left;
    start_next(all);
  });
}

} // namespace

void collect(std::size_t count, const start_one& start, all_answered done) {
  if (count == 0) {
    done({});
    return;
  }
  auto all = std::make_shared<gathering>(gathering{std::vector<api_answer>(count), count, {}, std::move(done)});
  for (std::size_t i = 0; i < count; ++i)
    start(i, [all, i](api_answer what) {
      all->answers[i] = std::move(what);
      if (--all->left == 0) all->done(std::move(all->answers));
    });
}

void collect_in_turn(std::size_t count, start_one start, all_answered done) {
  start_next(std::make_shared<gathering>(
      gathering{std::vector<api_answer>(count), count, std::move(start), std::move(done)}));
}

} // namespace plexus::transport::api
