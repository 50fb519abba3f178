#include "actors/protocol/api.hpp"

#include "actors/protocol/json.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace plexus::protocol;
using namespace std::string_literals;

namespace {

std::variant<api_request, api_fault> decode(std::string_view method, std::string_view body) {
  return decode_api(method, padded_text(body));
}

template <class T>
T good(std::string_view method, std::string_view body) {
  const auto out = decode(method, body);
  REQUIRE_MESSAGE(out.index() == 0, body);
  const auto& command = std::get<api_command>(std::get<api_request>(out));
  REQUIRE(std::holds_alternative<T>(command));
  CHECK(api_method(command) == method);
  return std::get<T>(command);
}

api_fault bad(std::string_view method, std::string_view body) {
  auto out = decode(method, body);
  REQUIRE_MESSAGE(out.index() == 1, body);
  const auto fault = std::get<api_fault>(out);
  CHECK_FALSE(fault.message.empty());
  return fault;
}

void bad_request(std::string_view method, std::string_view body) {
  const auto fault = bad(method, body);
  CHECK_MESSAGE(fault.what == api_fault::kind::error, body);
  CHECK(fault.code == error_code::bad_request);
}

void broken(std::string_view method, std::string_view body) {
  CHECK_MESSAGE(bad(method, body).what == api_fault::kind::broken_json, body);
}

std::string result(const api_result& what) {
  std::string out;
  encode_api_result(out, what);
  CHECK(json::valid(out));
  return out;
}

std::string answer(const api_answer& what) {
  std::string out = "x";
  encode_api_answer(out, what);
  CHECK(json::valid(std::string_view(out).substr(1)));
  return out.substr(1);
}

} // namespace

TEST_CASE("publish with all its fields") {
  const auto r = good<publish_request>(
      "publish", R"({"channel":"chat:1","data": {"a": 1} ,"idempotency_key":"k","tags":{"t":"v","u":""},)"
                 R"("skip_history":true,"delta":true,"later":[1]})");
  CHECK(r.channel == "chat:1");
  CHECK(r.what.data == R"({"a": 1})");
  CHECK(r.what.idempotency_key == "k");
  CHECK(r.what.tags == tag_list{{"t", "v"}, {"u", ""}});
  CHECK(r.what.skip_history);
  CHECK(r.what.delta);
  const auto plain =
      good<publish_request>("publish", R"({"channel":"c","data":"x","tags":null,"skip_history":null})");
  CHECK(plain.what.data == "\"x\"");
  CHECK(plain.what.idempotency_key.empty());
  CHECK(plain.what.tags.empty());
  CHECK_FALSE(plain.what.skip_history);
}

TEST_CASE("a payload of several lines is put on one") {
  CHECK(good<publish_request>("publish", "{\n \"channel\": \"c\",\n \"data\": {\n  \"a\": [1,\r\n 2]\n }\n}\n")
            .what.data == R"({"a":[1,2]})");
}

TEST_CASE("data may be null but not absent") {
  CHECK(good<publish_request>("publish", R"({"channel":"c","data":null})").what.data == "null");
  bad_request("publish", R"({"channel":"c"})");
  bad_request("publish", R"({"channel":"c","b64data":null})");
  bad_request("publish", R"({"channel":"c","b64data":""})");
}

TEST_CASE("data may come as base64") {
  const auto data = [](const std::string& b64) {
    return good<publish_request>("publish", R"({"channel":"c","b64data":")" + b64 + "\"}").what.data;
  };
  CHECK(data("MQ==") == "1");
  CHECK(data("MTI=") == "12");
  CHECK(data("MTIz") == "123");
  CHECK(data("eyJhIjoi4piDIn0=") == "{\"a\":\"\xE2\x98\x83\"}");
  CHECK(data("ewoiYSI6CjF9") == "{\n\"a\":\n1}");   // untouched: whoever reads JSON gets it on one line
  CHECK(data("Ij8/Pz8+Pj4i") == "\"\?\?\?\?>>>\""); // has a slash
  CHECK(good<publish_request>("publish", R"({"channel":"c","data":null,"b64data":"MQ=="})").what.data == "1");
  for (const auto* b64 :
       {"M", "MQ", "MQ=", "MQ===", "=MQ=", "M=Q=", "MQ= ", "M-_=", "====", "=", "MTIz\\n", "8J-Y"})
    bad_request("publish", R"({"channel":"c","b64data":")"s + b64 + "\"}");
}

TEST_CASE("a publication in base64 need not be JSON") {
  const auto what = [](const std::string& b64) {
    return good<publish_request>("publish", R"({"channel":"c","b64data":")" + b64 + "\"}").what;
  };
  CHECK(what("/w==").data == "\xff");
  for (const auto* b64 : {"/w==" /* no UTF-8 */, "ew==" /* { */, "eA==" /* x */, "AA==" /* a zero */})
    CHECK(what(b64).binary);
  for (const auto* b64 : {"MQ==", "ewoiYSI6CjF9"}) CHECK_FALSE(what(b64).binary);
  CHECK(good<broadcast_request>("broadcast", R"({"channels":["c"],"b64data":"eA=="})").what.binary);
  CHECK_FALSE(good<publish_request>("publish", R"({"channel":"c","data":{"b64data":"eA=="}})").what.binary);
}

TEST_CASE("a channel is needed where a method has one") {
  for (const auto* method :
       {"publish", "subscribe", "unsubscribe", "presence", "presence_stats", "history", "history_remove"}) {
    bad_request(method, R"({"data":1})");
    bad_request(method, R"({"data":1,"channel":""})");
    bad_request(method, R"({"data":1,"channel":null})");
    broken(method, R"({"data":1,"channel":5})");
  }
}

TEST_CASE("broadcast goes to one channel at least") {
  const auto r =
      good<broadcast_request>("broadcast", R"({"channels":["a","","b"],"data":[],"idempotency_key":"k"})");
  CHECK(r.channels == std::vector<std::string>{"a", "", "b"});
  CHECK(r.what.data == "[]");
  CHECK(r.what.idempotency_key == "k");
  bad_request("broadcast", R"({"channels":[],"data":1})");
  bad_request("broadcast", R"({"data":1})");
  bad_request("broadcast", R"({"channels":["a"]})");
  broken("broadcast", R"({"channels":"a","data":1})");
  broken("broadcast", R"({"channels":["a",1],"data":1})");
}

TEST_CASE("subscribe, unsubscribe and refresh name a user and perhaps one of its connections") {
  const auto s = good<subscribe_request>(
      "subscribe", R"({"user":"u","channel":"c","client":"x","session":"y","info":{"i":1},"data":[2],)"
                   R"("recover_since":{"offset":5,"epoch":"e"},"expire_at":1893456000,"override":{}})");
  CHECK(s.who.user == "u");
  CHECK(s.who.client == "x");
  CHECK(s.who.session == "y");
  CHECK(s.channel == "c");
  CHECK(s.info == R"({"i":1})");
  CHECK(s.data == "[2]");
  CHECK(s.recover_since == position{"e", 5});
  CHECK(s.expire_at == 1893456000);
  const auto plain = good<subscribe_request>("subscribe", R"({"user":"","channel":"c","info":null,"data":null})");
  CHECK(plain.info.empty());
  CHECK(plain.data.empty());
  CHECK_FALSE(plain.recover_since.has_value());
  const auto binary = good<subscribe_request>("subscribe", R"({"channel":"c","b64info":"MQ==","b64data":"MTI="})");
  CHECK(binary.info == "1");
  CHECK(binary.data == "12");
  bad_request("subscribe", R"({"channel":"c","b64info":"eA=="})");
  bad_request("subscribe", R"({"channel":"c","b64data":"eA=="})");

  const auto u = good<unsubscribe_request>("unsubscribe", R"({"user":"u","channel":"c","session":"y"})");
  CHECK(u.who.user == "u");
  CHECK(u.who.session == "y");
  CHECK(u.channel == "c");

  const auto r = good<refresh_request>("refresh", R"({"user":"u","client":"x","expired":true,"expire_at":-1})");
  CHECK(r.who.client == "x");
  CHECK(r.expired);
  CHECK(r.expire_at == -1);
  broken("refresh", R"({"user":"u","expire_at":"soon"})");
}

TEST_CASE("disconnect has a code that clients understand") {
  const auto plain = good<disconnect_request>("disconnect", R"({"user":""})");
  CHECK(plain.code == 3503);
  CHECK(plain.reason.empty());
  const auto full = good<disconnect_request>(
      "disconnect", R"({"user":"u","client":"x","whitelist":["a","b"],"disconnect":{"code":4001,"reason":"bye"}})");
  CHECK(full.who.user == "u");
  CHECK(full.who.client == "x");
  CHECK(full.whitelist == std::vector<std::string>{"a", "b"});
  CHECK(full.code == 4001);
  CHECK(full.reason == "bye");
  CHECK(good<disconnect_request>("disconnect", R"({"user":"u","disconnect":{"code":0,"reason":""}})").code == 3503);
  for (const auto* code : {"1000", "2999", "5000", "4294967295"})
    bad_request("disconnect", R"({"user":"u","disconnect":{"code":)"s + code + "}}");
  broken("disconnect", R"({"user":"u","disconnect":{"code":"3000"}})");
  broken("disconnect", R"({"user":"u","disconnect":3000})");
}

TEST_CASE("the methods that read") {
  CHECK(good<presence_request>("presence", R"({"channel":"c"})").channel == "c");
  CHECK(good<presence_stats_request>("presence_stats", R"({"channel":"c"})").channel == "c");
  CHECK(good<history_remove_request>("history_remove", R"({"channel":"c"})").channel == "c");
  const auto h = good<history_request>(
      "history", R"({"channel":"c","limit":-1,"since":{"offset":2,"epoch":"e"},"reverse":true})");
  CHECK(h.channel == "c");
  CHECK(h.limit == -1);
  CHECK(h.since == position{"e", 2});
  CHECK(h.reverse);
  CHECK_FALSE(good<history_request>("history", R"({"channel":"c","since":null})").since.has_value());
  CHECK(good<channels_request>("channels", R"({"pattern":"open:*"})").pattern == "open:*");
  CHECK(good<channels_request>("channels", "{}").pattern.empty());
  good<info_request>("info", "{}");
  good<info_request>("info", R"({"anything":[1]})");
}

TEST_CASE("rpc takes its data under either name") {
  const auto r = good<rpc_request>("rpc", "{\"method\":\"m\",\"params\":{\n\"a\":1}}");
  CHECK(r.method == "m");
  CHECK(r.data == R"({"a":1})");
  CHECK(good<rpc_request>("rpc", R"({"method":"m","data":2,"params":1})").data == "2");
  CHECK(good<rpc_request>("rpc", R"({"method":"m"})").data.empty());
}

TEST_CASE("an unknown method and a broken body are told apart") {
  CHECK(bad("dance", "{}").what == api_fault::kind::unknown_method);
  CHECK(bad("dance", "garbage").what == api_fault::kind::unknown_method);
  for (const auto* body : {"", " ", "x", "null", "[]", "1", "{", "{}}", "{\"a\":tru}", "{} {}", "\xff"}) {
    broken("info", body);
    broken("batch", body);
    broken("", body);
  }
  broken("publish", R"({"channel":"c","data":[1,})");
  // Broken wins over what is missing.
  broken("publish", R"({"channel":"c"} x)");
  CHECK(bad("publish", R"({"channel":[],"data":1})").message.find("channel") != std::string::npos);
  CHECK(bad("publish", R"({"channel":"c","data":1,"tags":{"k":1}})").what == api_fault::kind::broken_json);
}

TEST_CASE("the old form has the method in the body") {
  const auto out = decode("", R"({"params":{"channel":"c","data":1},"method":"publish"})");
  REQUIRE(out.index() == 0);
  CHECK(std::get<publish_request>(std::get<api_command>(std::get<api_request>(out))).channel == "c");
  CHECK(decode("", R"({"method":"info"})").index() == 0);
  CHECK(decode("", R"({"method":"info","params":null})").index() == 0);
  CHECK(bad("", R"({"method":"dance","params":{}})").what == api_fault::kind::unknown_method);
  CHECK(bad("", R"({"publish":{"channel":"c","data":1}})").what == api_fault::kind::unknown_method);
  CHECK(bad("", "{}").what == api_fault::kind::unknown_method);
  bad_request("", R"({"method":"publish","params":{"channel":"c"}})");
  broken("", R"({"method":"publish","params":[]})");
}

TEST_CASE("a batch holds commands and faults in their order") {
  const auto out =
      decode("batch", R"({"commands":[{"publish":{"channel":"a","data":1}},{"publish":{"channel":"a"}},)"
                      R"({"dance":{}},{"info":{}},{"batch":{"commands":[]}},{},{"info":null},)"
                      R"({"info":{},"channels":{}}],"parallel":true})");
  REQUIRE(out.index() == 0);
  const auto& batch = std::get<batch_request>(std::get<api_request>(out));
  CHECK(batch.parallel);
  REQUIRE(batch.commands.size() == 8);
  const auto code = [&](std::size_t i) {
    const auto* fault = std::get_if<api_fault>(&batch.commands[i]);
    REQUIRE(fault != nullptr);
    CHECK(fault->what == api_fault::kind::error);
    return fault->code;
  };
  CHECK(std::get<publish_request>(std::get<api_command>(batch.commands[0])).what.data == "1");
  CHECK(code(1) == error_code::bad_request);
  CHECK(code(2) == error_code::method_not_found);
  CHECK(std::holds_alternative<info_request>(std::get<api_command>(batch.commands[3])));
  CHECK(code(4) == error_code::method_not_found);
  CHECK(code(5) == error_code::method_not_found);
  CHECK(code(6) == error_code::method_not_found);
  CHECK(code(7) == error_code::bad_request);

  const auto empty = decode("batch", R"({"commands":[]})");
  REQUIRE(empty.index() == 0);
  CHECK(std::get<batch_request>(std::get<api_request>(empty)).commands.empty());
  CHECK_FALSE(std::get<batch_request>(std::get<api_request>(empty)).parallel);
}

TEST_CASE("a command of a wrong form spoils its batch") {
  for (const auto* body : {R"({"commands":{}})", R"({"commands":[1]})", R"({"commands":[{"info":[]}]})",
                           R"({"commands":[{"publish":{"channel":1}}]})", R"({"commands":[{"info":{}},]})",
                           R"({"commands":[{"dance":{tru}}]})", R"({"parallel":1})"})
    broken("batch", body);
}

TEST_CASE("the results of methods") {
  CHECK(result(empty_result{}) == "{}");
  CHECK(result(publish_result{}) == "{}");
  CHECK(result(publish_result{{"e", 3}}) == R"({"offset":3,"epoch":"e"})");
  CHECK(result(broadcast_result{{publish_result{{"e", 3}}, error_code::unknown_channel, publish_result{}}}) ==
        R"({"responses":[{"result":{"offset":3,"epoch":"e"}},{"error":{"code":102,"message":"unknown channel"}},)"
        R"({"result":{}}]})");
  CHECK(result(broadcast_result{}) == R"({"responses":[]})");
  CHECK(result(presence_reply{}) == R"({"presence":{}})");
  CHECK(result(presence_reply{{{"u", "c1", "{}", ""}}}) ==
        R"({"presence":{"c1":{"user":"u","client":"c1","conn_info":{}}}})");
  CHECK(result(presence_stats_reply{}) == R"({"num_clients":0,"num_users":0})");
  CHECK(result(history_reply{{}, {"e", 0}}) == R"({"publications":[],"epoch":"e","offset":0})");
  CHECK(result(channels_result{}) == R"({"channels":{}})");
  CHECK(result(channels_result{{{"a\"", 2}, {"b", 0}}}) ==
        R"({"channels":{"a\"":{"num_clients":2},"b":{"num_clients":0}}})");
  CHECK(result(info_result{}) == R"({"nodes":[]})");
  CHECK(result(info_result{{{"id", "n1", "", 1, 2, 3, 4, 5}}}) ==
        R"({"nodes":[{"uid":"id","name":"n1","version":"","num_clients":1,"num_users":2,"num_channels":3,)"
        R"("num_subs":4,"uptime":5}]})");
  CHECK(result(rpc_reply{"[1]"}) == R"({"data":[1]})");
  CHECK(result(rpc_reply{}) == "{}");
}

TEST_CASE("an answer is a result or an error") {
  CHECK(answer(empty_result{}) == R"({"result":{}})");
  CHECK(answer(publish_result{{"e", 1}}) == R"({"result":{"offset":1,"epoch":"e"}})");
  CHECK(answer(api_error{error_code::internal, {}}) ==
        R"({"error":{"code":100,"message":"internal server error"}})");
  CHECK(answer(api_error{error_code::bad_request, "no \"data\""}) ==
        R"({"error":{"code":107,"message":"no \"data\""}})");
  std::string bare;
  encode_api_error(bare, {error_code::unknown_channel, {}});
  CHECK(bare == R"({"code":102,"message":"unknown channel"})");
}

TEST_CASE("the replies of a batch have no result inside") {
  std::string out;
  encode_api_batch(out, {{"publish", publish_result{{"e", 1}}},
                         {"dance", api_error{error_code::method_not_found, {}}},
                         {"info", info_result{}}});
  CHECK(out == R"({"replies":[{"publish":{"offset":1,"epoch":"e"}},)"
               R"({"error":{"code":104,"message":"method not found"}},{"info":{"nodes":[]}}]})");
  out.clear();
  encode_api_batch(out, {});
  CHECK(out == R"({"replies":[]})");
}
