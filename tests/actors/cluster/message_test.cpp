#include "actors/cluster/message.hpp"

#include <doctest/doctest.h>

using namespace plexus::cluster;

namespace {

std::optional<message> give(assembler& to, const std::string& from, const std::vector<std::string>& parts,
                            bool& lost) {
  std::optional<message> last;
  for (const auto& each : parts) last = to.take(from, each, lost);
  return last;
}

} // namespace

TEST_CASE("a short message is one part, and any byte comes through") {
  assembler to;
  bool lost = false;
  const std::string odd("\0\n1 2\r\xff", 7);
  const auto parts = to_parts({message::kind::question, 7, "a subject", odd});
  REQUIRE(parts.size() == 1);
  const auto got = to.take("a", parts[0], lost);
  REQUIRE(got);
  CHECK(got->what == message::kind::question);
  CHECK(got->id == 7);
  CHECK(got->subject == "a subject");
  CHECK(got->body == odd);
  const auto empty = give(to, "a", to_parts({message::kind::nobody, 8, "", ""}), lost);
  REQUIRE(empty);
  CHECK(empty->what == message::kind::nobody);
  CHECK(empty->body.empty());
  CHECK_FALSE(lost);
  CHECK(to.begun() == 0);
}

TEST_CASE("a long message goes in parts, and those of several nodes may be mixed") {
  assembler to;
  bool lost = false;
  const message a{message::kind::answer, 1, "", std::string(3 * max_part, 'a')};
  const message b{message::kind::answer, 1, "", std::string(2 * max_part + 1, 'b')};
  const auto of_a = to_parts(a), of_b = to_parts(b);
  REQUIRE(of_a.size() == 3);
  REQUIRE(of_b.size() == 3);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK_FALSE(to.take("a", of_a[i], lost));
    CHECK_FALSE(to.take("b", of_b[i], lost));
  }
  CHECK(to.take("b", of_b[2], lost)->body == b.body);
  CHECK(to.take("a", of_a[2], lost)->body == a.body);
  CHECK_FALSE(lost);
}

TEST_CASE("a message that lacks a part is lost, and the next one isn't") {
  assembler to;
  bool lost = false;
  const auto parts = to_parts({message::kind::answer, 1, "", std::string(3 * max_part, 'a')});
  const auto next = to_parts({message::kind::answer, 2, "", "next"});
  SUBCASE("the first") {
    CHECK_FALSE(give(to, "a", {parts[1], parts[2]}, lost));
  }
  SUBCASE("one between") {
    CHECK_FALSE(give(to, "a", {parts[0], parts[2]}, lost));
  }
  SUBCASE("the last") {
    CHECK_FALSE(give(to, "a", {parts[0], parts[1]}, lost));
    CHECK_FALSE(lost);
  }
  const auto got = give(to, "a", next, lost);
  CHECK(lost);
  REQUIRE(got);
  CHECK(got->body == "next");
  CHECK(to.begun() == 0);
}

TEST_CASE("what is longer than it may be is not kept, nor what a dead node began") {
  assembler to;
  bool lost = false;
  const auto parts = to_parts({message::kind::answer, 1, "", std::string(max_body + 1, 'a')});
  CHECK_FALSE(give(to, "a", parts, lost));
  CHECK(lost);
  CHECK(to.begun() == 0);
  CHECK(give(to, "a", to_parts({message::kind::answer, 1, "", std::string(max_body, 'a')}), lost));
  CHECK_FALSE(to.take("dead", parts[0], lost));
  CHECK(to.begun() == 1);
  to.keep_only([](const std::string& uid) { return uid != "dead"; });
  CHECK(to.begun() == 0);
}

TEST_CASE("bytes that make no sense are no message") {
  for (const char* bytes : {"", "\n", "Q\n", "Q 1\n", "Q 1 0\n", "Q 1 0 1\n", "X 1 0 1 s\nbody", "Q x 0 1 s\nbody",
                            "Q 1 -1 1 s\nbody", "Q1 0 1 s\nbody", "Q 99999999999999999999 0 1 s\nb", "Q 1 0 1 s"}) {
    assembler to;
    bool lost = false;
    CHECK_FALSE(to.take("a", bytes, lost));
    CHECK(lost);
    CHECK(to.begun() == 0);
  }
}
