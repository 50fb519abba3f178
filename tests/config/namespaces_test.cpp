#include "tests/config/fixture.hpp"

#include <doctest/doctest.h>

using namespace plexus::config;
using namespace plexus::config::testing;
using std::chrono::milliseconds;

TEST_CASE("a namespace starts from the default as it is after all sources") {
  const auto got = load_all(R"({"channels":{"namespaces":{"chat":{"publish":"user"},"plain":{}},
                                            "default":{"presence":true,"max_subscribers":5}}})",
                            {"PLEXUS_CHANNELS__DEFAULT__MAX_SUBSCRIBERS=6"},
                            {"channels.default.presence_grace=3s", "channels.default.publish=anyone"});
  CHECK(faults(got) == lines{});
  const auto& chat = got.values.namespaces.at("chat");
  CHECK(chat.publish == access::user);
  CHECK(chat.presence);
  CHECK(chat.max_subscribers == 6);
  CHECK(chat.presence_grace == milliseconds{3000});
  CHECK(got.values.namespaces.at("plain") == got.values.default_channel);
  CHECK(got.values.default_channel.publish == access::anyone);
}

TEST_CASE("namespaces can be set by the environment and by --set") {
  const auto got =
      load_all(R"({"channels":{"namespaces":{"chat":{"publish":"user"}}}})",
               {"PLEXUS_CHANNELS__NAMESPACES__CHAT__PRESENCE=true",
                "PLEXUS_CHANNELS__NAMESPACES__NEWS={\"join_leave\":\"asked\"}",
                "PLEXUS_CHANNELS__NAMESPACES__A__B__PRESENCE=true"},
               {"channels.namespaces.chat.max_subscribers=3", "channels.namespaces.Room.presence=true",
                "channels.namespaces.eu.west.presence=true", R"(channels.namespaces.x.y={"presence":true})",
                R"(channels.namespaces={"games":{"recover":false}})"});
  CHECK(faults(got) == lines{});
  const auto& all = got.values.namespaces;
  CHECK(all.size() == 7);
  CHECK(all.at("chat").publish == access::user);
  CHECK(all.at("chat").presence);
  CHECK(all.at("chat").max_subscribers == 3);
  CHECK(all.at("news").join_leave == offer::asked);
  CHECK(all.at("a__b").presence);
  CHECK(all.at("Room").presence);
  CHECK(all.at("eu.west").presence);
  CHECK(all.at("x.y").presence);
  CHECK(all.at("games").recover == offer::no);
  CHECK(got.where.at("channels.namespaces.chat.presence") ==
        "environment PLEXUS_CHANNELS__NAMESPACES__CHAT__PRESENCE");
}

TEST_CASE("the later source holds inside a namespace too") {
  const auto got = load_all(R"({"channels":{"namespaces":{"chat":{"max_subscribers":1}}}})",
                            {"PLEXUS_CHANNELS__NAMESPACES__CHAT__MAX_SUBSCRIBERS=2"},
                            {"channels.namespaces.chat.max_subscribers=3"});
  CHECK(got.values.namespaces.at("chat").max_subscribers == 3);
}

TEST_CASE("who may do what: each name has its meaning") {
  const auto publish = [](const std::string& who) {
    return load_all("", {}, {"channels.namespaces.a.publish=" + who}).values.namespaces.at("a").publish;
  };
  CHECK(publish("nobody") == access::nobody);
  CHECK(publish("token") == access::nobody);
  CHECK(publish("subscriber") == access::subscriber);
  CHECK(publish("user") == access::user);
  CHECK(publish("anyone") == access::anyone);
}

TEST_CASE("a namespace's name is not empty and has no colon and no control characters") {
  const auto refused = [](const std::string& name) {
    const auto got =
        load_all("{\"channels\":{\"namespaces\":{\"" + name + "\":{\"presence\":true,\"delta\":false}}}}");
    CHECK(got.values.namespaces.empty());
    return faults(got);
  };
  const auto line = [](const std::string& name) {
    return lines{"plexus.json: channels.namespaces: found the name \"" + name +
                 "\", expected a name that is not empty and has no \":\" and no control characters"};
  };
  CHECK(refused("") == line(""));
  CHECK(refused("a:b") == line("a:b"));
  CHECK(refused("a\\tb") == line("a\\tb"));
  CHECK(refused("a\\u007f").size() == 1);
  CHECK(load_all(R"({"channels":{"namespaces":{"é ü/1":{}}}})").ok());
}

TEST_CASE("a namespace is an object of known options") {
  CHECK(faults_of(R"({"channels":{"namespaces":{"chat":true}}})") ==
        lines{"plexus.json: channels.namespaces.chat: found true or false, expected an object"});
  CHECK(faults_of(R"({"channels":{"namespaces":{"chat":{"presence":"yes"}}}})") ==
        lines{R"(plexus.json: channels.namespaces.chat.presence: found "yes", expected true or false)"});
  CHECK(faults_of("", {"PLEXUS_CHANNELS__NAMESPACES__CHAT__PRESENCE=on"}) ==
        lines{"environment PLEXUS_CHANNELS__NAMESPACES__CHAT__PRESENCE: channels.namespaces.chat.presence: "
              "found \"on\", expected true or false"});
}

TEST_CASE("a channel has the options of the namespace before its first colon") {
  settings s;
  s.namespaces["chat"].presence = true;
  CHECK(s.options_of("chat:1") == &s.namespaces.at("chat"));
  CHECK(s.options_of("chat:1:2") == &s.namespaces.at("chat"));
  CHECK(s.options_of("chat") == &s.default_channel);
  CHECK(s.options_of("") == &s.default_channel);
  CHECK(s.options_of("news:1") == nullptr);
  CHECK(s.options_of(":1") == nullptr);
}
