#include "actors/node/admin_cli.hpp"

#include "actors/node/address_text.hpp"
#include "actors/node/admin_client.hpp"
#include "actors/node/admin_screen.hpp"
#include "actors/protocol/errors.hpp"
#include "config/load.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <set>

namespace plexus::node {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds to_answer{15};

struct admin_options {
  std::string file, url, secret_file, token, token_file, ca, every = "2s";
  std::vector<std::string> set;
  bool as_json = false, unchecked = false, watch = false, once = false;
  std::string method;
  std::vector<std::string> with;
};

std::string address_of(const config::settings& s) {
  auto reachable = [](const std::string& a) {
    if (a.empty() || a == "0.0.0.0") return std::string("127.0.0.1");
    if (a == "::") return std::string("[::1]");
    return before_port(a);
  };
  if (s.internal.on()) return "ws://" + reachable(s.internal.address) + ":" + std::to_string(s.internal.port);
  return (s.listen.tls_certificate.empty() ? "ws://" : "wss://") + reachable(s.listen.address) + ":" +
         std::to_string(s.listen.port);
}

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) throw admin_fault(file + ": cannot be read, or is empty");
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

/// `name=value`: JSON where it is some, else the text itself.
json read_params(const std::vector<std::string>& words) {
  static const std::set<std::string, std::less<>> texts{"user",   "client", "channel", "reason", "say",
                                                        "search", "node",   "pattern", "to"};
  auto out = json::object();
  for (auto& word : words) {
    const auto mark = word.find('=');
    if (mark == 0 || mark == std::string::npos) throw admin_usage("\"" + word + "\": expected NAME=VALUE");
    const auto name = word.substr(0, mark), value = word.substr(mark + 1);
    auto parsed = texts.contains(name) ? json(json::value_t::discarded) : json::parse(value, nullptr, false);
    out[name] = parsed.is_discarded() ? json(value) : std::move(parsed);
  }
  return out;
}

/// An answer that is an error; the connection is as good as before. `for_now`: it may be another one next time.
struct refused_answer : admin_fault {
  refused_answer(const std::string& why, bool temporary) : admin_fault(why), for_now(temporary) {}
  bool for_now;
};

/// A connection that is signed in.
class terminal {
public:
  terminal(const std::string& url, const json& who, const std::string& ca, bool unchecked) :
      client_(url, ca, unchecked) {
    ask("auth", who);
  }

  json ask(const std::string& method, const json& with) {
    const auto id = say(method, with);
    for (;;) {
      auto got = next(to_answer);
      if (got.value("id", std::uint64_t{0}) == id) return result(std::move(got));
    }
  }
  std::uint64_t say(const std::string& method, const json& with) {
    client_.send(json{{"id", ++last_}, {method, with}}.dump(-1, ' ', false, json::error_handler_t::replace));
    return last_;
  }
  json next(std::chrono::milliseconds timeout) {
    auto got = json::parse(client_.receive(timeout), nullptr, false);
    if (!got.is_object()) throw admin_fault("the node's answer is not JSON");
    return got;
  }
  static json result(json answer) {
    if (auto error = answer.find("error"); error != answer.end()) {
      auto why = "error " + (*error)["code"].dump() + ": " + printable((*error)["message"].get<std::string>());
      const auto refused = error->value("refused", json::object());
      for (auto& [node, fault] : refused.items())
        why += ", " + printable(node) + ": " + printable(fault.value("message", ""));
      for (auto& s : error->value("silent", json::array()))
        why += ", no answer from " + printable(s.get<std::string>());
      throw refused_answer(why, error->value("code", 0) == static_cast<int>(protocol::error_code::internal));
    }
    return std::move(answer["result"]);
  }

private:
  admin_client client_;
  std::uint64_t last_ = 0;
};

void print(const admin_options& o, const std::string& method, const json& result) {
  std::cout << (o.as_json ? result.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"
                          : show_answer(method, result))
            << std::flush;
}

/// What has worked, or says itself that it is for now alone, is looked at again: whoever watches does so because
/// something is wrong.
void go_on_after(const refused_answer& why, bool seen) {
  if (!seen && !why.for_now) throw refused_answer(why);
  std::cerr << "plexus: " << why.what() << "; still watching" << std::endl;
}

int run_request(terminal& to, const admin_options& o) {
  const auto with = read_params(o.with);
  if (!o.watch && o.method != "trace") {
    print(o, o.method, to.ask(o.method, with));
    return 0;
  }
  to.say("watch", {{"request", {{o.method, with}}}, {"interval", o.method == "trace" ? "250ms" : o.every}});
  for (bool seen = false;;) {
    auto got = to.next({});
    if (!got.contains("watch")) {
      (void)terminal::result(std::move(got)); // the watch was refused
      continue;
    }
    try {
      print(o, o.method, terminal::result(std::move(got)));
      seen = true;
    } catch (const refused_answer& why) {
      go_on_after(why, seen);
    }
    if (!std::cout) return 0;
  }
}

std::size_t columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 160;
}

int run_top(terminal& to, const admin_options& o) {
  const auto every = config::parse_duration(o.every);
  const bool screen = ::isatty(STDOUT_FILENO) == 1 && !o.as_json && !o.once;
  for (bool seen = false;;) {
    try {
      auto nodes = to.ask("nodes", json::object());
      auto queues = to.ask("connections", {{"sort", "queue"}, {"limit", 10}, {"slow", true}});
      auto channels = to.ask("channels", {{"sort", "rate"}, {"limit", 10}});
      if (o.as_json)
        std::cout << json{{"nodes", nodes}, {"slowest", queues}, {"channels", channels}}.dump(
                         -1, ' ', false, json::error_handler_t::replace)
                  << "\n";
      else
        std::cout << (screen ? "\x1b[H\x1b[2J" : "") << show_overview(nodes, queues, channels, columns());
      std::cout << std::flush;
      seen = true;
    } catch (const refused_answer& why) {
      if (o.once) throw;
      go_on_after(why, seen);
    }
    if (o.once || !std::cout) return 0;
    ::usleep(static_cast<useconds_t>(every->count() * 1000));
  }
}

} // namespace

struct admin_cli::parts {
  admin_options o;
  reader read;
  CLI::App* admin = nullptr;
  CLI::App* top = nullptr;
};

admin_cli::admin_cli(CLI::App& app, reader read) : parts_(std::make_unique<parts>()) {
  auto& o = parts_->o;
  parts_->read = std::move(read);
  auto add = [&o](CLI::App& to) {
    to.add_option("--config", o.file, "the node's configuration: where it listens, and admin.secret")
        ->envname("PLEXUS_CONFIG");
    to.add_option("--set", o.set, "path.to.key=value; may be given several times")
        ->take_all()
        ->allow_extra_args(false);
    to.add_option("--url", o.url, "another node: ws://HOST:PORT or wss://HOST:PORT");
    to.add_option("--secret-file", o.secret_file, "a file with the secret in its first line");
    to.add_option("--token", o.token, "a JWT with the claim `admin` instead of the secret");
    to.add_option("--token-file", o.token_file,
                  "a file with the JWT in its first line: arguments are seen by others");
    to.add_option("--ca", o.ca, "a PEM file to check the certificate against");
    to.add_flag("--unchecked", o.unchecked, "take any certificate; so it is for this machine's own node");
    to.add_flag("--json", o.as_json, "print JSON, one line an answer");
    to.add_option("--every", o.every, "how often to look again")->capture_default_str();
  };
  parts_->admin =
      app.add_subcommand("admin", "ask a running cluster, or act on it: plexus admin connections user=ann");
  add(*parts_->admin);
  parts_->admin->add_flag("--watch", o.watch, "go on and print each change");
  parts_->admin
      ->add_option("METHOD", o.method,
                   "nodes, past, connections, connection, channels, channel, blocked, actors, actor, backplane, "
                   "logs, trace, "
                   "audit; disconnect, unsubscribe, publish, block_user, unblock_user, log_level, reload, "
                   "drain, undrain, move (these want reason=WHY)")
      ->required();
  parts_->admin->add_option("PARAMETER", o.with, "NAME=VALUE");
  parts_->top = app.add_subcommand("top", "the cluster at a glance, refreshed");
  add(*parts_->top);
  parts_->top->add_flag("--once", o.once, "print it once");
}

admin_cli::~admin_cli() = default;

bool admin_cli::chosen() const {
  return parts_->admin->parsed() || parts_->top->parsed();
}

int admin_cli::run() {
  auto& o = parts_->o;
  try {
    json who;
    auto url = o.url;
    // Before anybody is asked.
    if (const auto every = config::parse_duration(o.every); !every || every->count() < 100)
      throw admin_usage("--every: expected a duration of 100ms or more, such as \"2s\"");
    (void)read_params(o.with);
    bool unchecked = o.unchecked;
    if (!o.token.empty()) who = {{"token", o.token}};
    if (!o.token_file.empty()) who = {{"token", first_line(o.token_file)}};
    if (!o.secret_file.empty()) who = {{"secret", first_line(o.secret_file)}};
    if (url.empty() || who.is_null()) {
      auto settings = parts_->read(o.file, o.set);
      if (!settings) return 2;
      // The configuration says that the node is on this machine. Its certificate is for the name that clients use.
      if (url.empty()) unchecked = unchecked || o.ca.empty();
      if (url.empty()) url = address_of(*settings);
      if (who.is_null() && settings->admin_secret.empty())
        throw admin_fault("the configuration has no admin.secret: give --secret-file, --token-file or --token");
      if (who.is_null()) who = {{"secret", settings->admin_secret}};
    }
    terminal to(url, who, o.ca, unchecked);
    return parts_->top->parsed() ? run_top(to, o) : run_request(to, o);
  } catch (const admin_usage& why) {
    std::cerr << "plexus: " << why.what() << "\n";
    return 2;
  } catch (const admin_fault& why) {
    std::cerr << "plexus: " << why.what() << "\n";
    return 1;
  }
}

} // namespace plexus::node
