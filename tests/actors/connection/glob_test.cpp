#include "actors/connection/token.hpp"

#include <doctest/doctest.h>

#include <string>

using plexus::connection::glob_match;
using namespace std::string_literals;

TEST_CASE("globs") {
  CHECK(glob_match("chat:*", "chat:1"));
  CHECK(glob_match("chat:*", "chat:"));
  CHECK_FALSE(glob_match("chat:*", "chat"));
  CHECK_FALSE(glob_match("chat:*", "xchat:1"));
  CHECK(glob_match("*", ""));
  CHECK(glob_match("*", "anything"));
  CHECK(glob_match("", ""));
  CHECK_FALSE(glob_match("", "a"));
  CHECK_FALSE(glob_match("?", ""));
  CHECK(glob_match("?", "a"));
  CHECK_FALSE(glob_match("?", "ab"));
  CHECK(glob_match("a*b*c", "aXbYbZc"));
  CHECK_FALSE(glob_match("a*b*c", "aXcYb"));
  CHECK(glob_match("*ab", "aab"));
  CHECK(glob_match("**a**", "bab"));
  CHECK(glob_match("*?", "x"));
  CHECK_FALSE(glob_match("*?", ""));
  CHECK(glob_match("a?c*", "abc"));
  CHECK(glob_match("*.a?b.*", "x.a.aYb.z"));
  CHECK_FALSE(glob_match("Chat", "chat"));
  CHECK_FALSE(glob_match("chat", "chat1"));
  CHECK_FALSE(glob_match("chat1", "chat"));
  CHECK(glob_match("a*", "a\nb"));
  CHECK(glob_match("a*", "a\0b"s));
  CHECK_FALSE(glob_match("[a]", "a")); // no other signs have a meaning
  CHECK(glob_match("[a]\\", "[a]\\"));
}

TEST_CASE("a glob full of stars ends soon") {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += "a*";
  CHECK_FALSE(glob_match(pattern + "b", std::string(4000, 'a')));
  CHECK(glob_match(pattern, std::string(4000, 'a')));
}
