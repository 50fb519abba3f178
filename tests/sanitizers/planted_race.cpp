// A race that must be found: two actors on two loops write the same number without anything that orders them. Run
// under ThreadSanitizer with the suppressions of the real tests; ctest wants the report in the output.

#include "actors/runtime/pinned_actor.hpp"
#include "actors/runtime/runtime.hpp"

#include <caf/send.hpp>

#include <cstdio>

using namespace plexus::runtime;

struct bump {};
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(bump)

namespace {

class writer final : public pinned_actor {
public:
  writer(caf::actor_config& config, loop& home, int& shared) :
      pinned_actor(config, home, "writer"), shared_(shared) {}
  caf::behavior make_behavior() override {
    return {[this](const bump&) { ++shared_; }};
  }

private:
  int& shared_;
};

} // namespace

int main() {
  int shared = 0;
  {
    runtime rt(2);
    auto one = spawn_on<writer>(rt.at(0), shared);
    auto two = spawn_on<writer>(rt.at(1), shared);
    rt.start();
    for (int i = 0; i < 1000; ++i) {
      caf::anon_send(one, bump{});
      caf::anon_send(two, bump{});
    }
    rt.stop();
  }
  std::printf("%d\n", shared);
}
