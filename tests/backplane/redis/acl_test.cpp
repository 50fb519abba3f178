// The commands that docs/redis.md asks for are those that are used, and with them alone everything works.

#include "backplane/redis/scripts.hpp"
#include "tests/backplane/contract_actors.hpp"
#include "tests/backplane/redis/cluster.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

using namespace plexus::backplane;
using namespace plexus::backplane::contract;
using namespace plexus::backplane::redis::testing;
namespace scripts = plexus::backplane::redis::scripts;

namespace {

const std::filesystem::path page = std::filesystem::path(__FILE__).parent_path() / "../../../docs/redis.md";

/// The line of the page that makes the user, word by word.
std::vector<std::string> documented() {
  std::ifstream in(page);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("user plexus on ")) continue;
    std::istringstream words(line);
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

std::set<std::string> called_by_scripts() {
  std::set<std::string> out;
  const std::regex call("call\\('([A-Z]+)'");
  for (const auto text : {scripts::hello, scripts::append, scripts::batch, scripts::renew}) {
    const std::string all(text);
    for (std::sregex_iterator at(all.begin(), all.end(), call), end; at != end; ++at) {
      auto name = (*at)[1].str();
      for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      out.insert("+" + name);
    }
  }
  return out;
}

} // namespace

TEST_CASE("ACL: the page names the commands that nodes and their scripts call, and no other" *
          doctest::skip(!std::filesystem::exists(page))) {
  const auto words = documented();
  std::set<std::string> named, used = called_by_scripts();
  CHECK(used.size() > 30);
  used.insert(
      {"+eval", "+evalsha", "+script|load", "+xread", "+wait", "+info", "+ping", "+select", "+cluster|nodes"});
  for (const auto& each : words)
    if (each.starts_with("+")) named.insert(each);
  for (const auto& each : used) CHECK_MESSAGE(named.contains(each), "not on the page: " << each);
  for (const auto& each : named) CHECK_MESSAGE(used.contains(each), "not used: " << each);
}

TEST_CASE("ACL: with the user of the page everything works" * doctest::skip(!std::filesystem::exists(page))) {
  auto words = documented();
  REQUIRE(words.size() > 30);
  words[0] = "SETUSER";
  words.insert(words.begin(), "ACL");
  for (auto& each : words)
    if (each.starts_with(">")) each = ">secret";
  server redis;
  REQUIRE(redis.ask(words) == "OK");
  redis.ask({"ACL", "LOG", "RESET"});
  auto times = quick();
  {
    cluster f(redis, times, "redis://plexus:secret@" + redis.address() + "/2");
    REQUIRE(f.started(0).fault.empty());
    const auto at = subscribe(f, 1, "c", long_log);
    append(f, 0, "c", long_log, said("a", "key"));
    append(f, 0, "c", long_log, said("a", "key"));
    append(f, 0, "plain", no_log, said("b"));
    recover(f, 1, "c", long_log, at);
    history(f, 1, "c", long_log);
    log_query backwards;
    backwards.reverse = true;
    history(f, 1, "c", long_log, backwards);
    remove_history(f, 0, "c");
    enter(f, 0, "c", {"ann", "c1", "", ""});
    enter(f, 2, "c", {"bob", "c2", "", ""});
    leave(f, 0, "c", "c1");
    members(f, 1, "c");
    acquire(f, 0, "right", "me", 10s);
    release(f, 0, "right", "me");
    put_notice(f, 0, {"a", 1, f.now() + 1h});
    put_notice(f, 0, {"b", 1, f.now() + 1h});
    drop_notice(f, 1, "a");
    CHECK(peers(f, 0).size() == 3);
    CHECK(send(f, 0, f.node(1).uid(), "hello").ok());
    const auto mine = claim(f, 0, "actor", "me", 10s);
    actor_write w;
    w.holder = mine.right.holder;
    w.token = mine.right.token;
    w.ttl = 10s;
    w.life = 1h;
    for (const auto how : {actor_write::mode::snapshot, actor_write::mode::add}) {
      ++w.sequence;
      w.how = how;
      w.facts = "facts";
      CHECK_FALSE(write(f, 0, "actor", no_log, w).refused);
    }
    ++w.sequence;
    w.how = actor_write::mode::nothing;
    w.release = true;
    --w.sequence;
    CHECK_FALSE(write(f, 0, "actor", no_log, w).refused);
    CHECK(claim(f, 1, "actor", "you", 10s).log.size() == 1);
    CHECK(abandoned(f, 0).empty());
    unsubscribe(f, 1, "c");
    f.lose(2); // what it leaves is cleaned up
    CHECK(f.until([&] { return members(f, 0, "c").members.empty(); }));
    f.end(1);
    CHECK(f.node(0).check().ready);
  }
  CHECK(redis.ask({"ACL", "LOG"}).empty());
}
