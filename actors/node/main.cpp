// `plexus serve | check | token | admin | top | version`: the command line. What it means is in docs/operations.md.

#include "actors/connection/token.hpp"
#include "actors/node/admin_cli.hpp"
#include "actors/node/health_command.hpp"
#include "actors/node/node.hpp"
#include "actors/runtime/heap.hpp"
#include "actors/runtime/log.hpp"
#include "actors/runtime/machine.hpp"
#include "config/load.hpp"
#include "plexus_version.hpp"
#include "transport/tls/context.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

extern char** environ;

namespace {

using namespace plexus;

constexpr int failed_start = 1;
constexpr int bad_configuration = 2;

struct options {
  std::string file;
  std::vector<std::string> set;
  std::string ready_file;
  std::string inherit;
  node::node::command again; ///< what started this process
};

/// The program as it was called, so that a successor is what is at that place then: a newer one after an upgrade.
node::node::command command_of(int count, char** words) {
  node::node::command out{words[0], {words, words + count}};
  if (out.program.find('/') == std::string::npos) {
    std::error_code failed;
    out.program = std::filesystem::read_symlink("/proc/self/exe", failed).string();
  }
  // What the former process passed on was for this one alone.
  for (auto at = out.words.begin(); at != out.words.end();)
    at = *at == "--inherit" && at + 1 != out.words.end() ? out.words.erase(at, at + 2) : at + 1;
  return out;
}

config::sources sources_of(const options& from) {
  config::sources out;
  for (auto** e = environ; *e; ++e) out.environment.emplace_back(*e);
  out.set = from.set;
  return out;
}

/// The certificate is read as the node will do it, so that `check` and a reload tell of a bad one before it
/// matters.
void add_tls_fault(const config::loaded& from, std::vector<config::fault>& to) {
  auto& listen = from.values.listen;
  if (listen.tls_certificate.empty()) return;
  auto tls = transport::tls::load_context(listen.tls_certificate, listen.tls_key);
  if (tls.made) return;
  auto source = from.where.find(tls.what.key);
  to.push_back({source == from.where.end() ? "" : source->second, tls.what.key, tls.what.found, tls.what.expected});
}

/// Where faults are told: on standard error, for who called the program; or, of a node that runs, in its log.
enum class tell : std::uint8_t { caller, log };

void tell_fault(const config::fault& what, tell whom) {
  if (whom == tell::caller)
    std::cerr << config::to_string(what) << "\n";
  else
    runtime::log::error(
        "config", "a fault in the configuration",
        {{"source", what.source}, {"key", what.key}, {"found", what.found}, {"expected", what.expected}});
}

/// Everything from the file, the environment and --set; faults are told.
std::optional<config::settings> read_settings(const options& from, bool to_serve, bool notices = true,
                                              tell whom = tell::caller) {
  auto sources = sources_of(from);
  if (!from.file.empty()) {
    auto text = config::read_file(from.file);
    if (!text && whom == tell::log)
      runtime::log::error("config", "the configuration can't be read", {{"source", from.file}});
    else if (!text)
      std::cerr << from.file << ": cannot be read\n";
    if (!text) return std::nullopt;
    sources.file = config::document{from.file, *text};
  }
  auto loaded = config::load(sources);
  auto faults = loaded.faults;
  if (loaded.ok() && to_serve) {
    add_tls_fault(loaded, faults);
    for (auto& f : connection::unusable_keys(loaded.values.client.token, loaded.where))
      faults.push_back(std::move(f));
  }
  if (faults.empty())
    if (auto wrong = node::backplane_fault(loaded.values, loaded.where)) faults.push_back(std::move(*wrong));
  for (auto& f : faults) tell_fault(f, whom);
  if (!faults.empty()) return std::nullopt;
  runtime::log::configure(loaded.values.log);
  if (notices)
    for (auto& n : loaded.notices) runtime::log::info("config", n);
  return loaded.values;
}

void warn_of_clients(const config::client_section& client) {
  if (client.insecure) runtime::log::warn("node", "client.insecure is on: no tokens, everyone may do everything");
  const auto& token = client.token;
  if (!client.insecure && !client.anonymous && token.hmac_secrets.empty() && token.public_keys.empty() &&
      token.jwks_url.empty())
    runtime::log::warn("node",
                       "no client can connect: set client.token.hmac_secret, public_key or jwks_url, or allow "
                       "client.anonymous");
}

/// By rename, so that whoever waits for it never reads half of it.
bool write_ready_file(const std::string& path, const node::node& n) {
  nlohmann::json body{
      {"pid", ::getpid()}, {"port", n.port()}, {"internal_port", n.internal_port()}, {"name", n.name()}};
  auto temporary = path + ".new";
  std::ofstream out(temporary);
  out << body.dump() << "\n";
  out.close();
  return out && std::rename(temporary.c_str(), path.c_str()) == 0;
}

int serve(const options& from) {
  auto settings = read_settings(from, true);
  if (!settings) return bad_configuration;
  try {
    runtime::raise_open_files();
    auto given = from.inherit.empty() ? node::inherited_from_service_manager() : node::inherited_from(from.inherit);
    node::node n(*settings, given);
    auto internal = n.internal_port();
    auto wrote = true;
    n.run(
        [&] {
          runtime::log::info("node", "serving",
                             {{"version", PLEXUS_VERSION},
                              {"name", n.name()},
                              {"address", settings->listen.address},
                              {"port", n.port()},
                              {"internal_port", internal},
                              {"max_clients", n.max_clients()},
                              {"loops", n.loops()},
                              {"allocator", runtime::heap::kind()},
                              {"insecure", settings->client.insecure ? "yes" : "no"}});
          warn_of_clients(settings->client);
          if (!from.ready_file.empty() && !write_ready_file(from.ready_file, n)) {
            wrote = false;
            runtime::log::error("node", "the ready file can't be written", {{"file", from.ready_file}});
            ::kill(::getpid(), SIGTERM);
          }
          if (given.from_former_process()) {
            // It tells the service manager, which listens to nobody else yet.
            [[maybe_unused]] auto told = ::write(given.ready, "r", 1);
            ::close(given.ready);
          } else {
            node::notify_service_manager("READY=1");
          }
        },
        [&]() -> std::unique_ptr<config::settings> {
          auto fresh = read_settings(from, true, true, tell::log);
          if (!fresh) {
            runtime::log::error("node", "the configuration has faults; the one before stays");
            return nullptr;
          }
          warn_of_clients(fresh->client);
          return std::make_unique<config::settings>(*fresh);
        },
        from.again);
    return wrote ? 0 : failed_start;
  } catch (const node::bad_settings& e) {
    std::cerr << "plexus: " << e.what() << "\n";
    return bad_configuration;
  } catch (const std::exception& e) {
    std::cerr << "plexus: " << e.what() << "\n";
    return failed_start;
  }
}

int check(const std::string& file) {
  options from;
  from.file = file;
  const auto settings = read_settings(from, true);
  if (!settings) return bad_configuration;
  const auto wrong = node::plugin_fault(*settings);
  if (!wrong.empty()) std::cerr << file << ": " << wrong << "\n";
  return wrong.empty() ? 0 : bad_configuration;
}

struct health_options {
  options from;
  bool ready = false;
  unsigned timeout_ms = 3000;
};

int health(const health_options& asked) {
  auto settings = read_settings(asked.from, false, false);
  if (!settings) return bad_configuration;
  auto answer = node::ask_health(*settings, asked.ready, std::chrono::milliseconds(asked.timeout_ms));
  if (answer.good) return 0;
  std::cerr << "plexus: " << answer.said << (answer.said.ends_with('\n') ? "" : "\n");
  return failed_start;
}

struct token_options {
  options from;
  std::string user, channel, expire = "1h", can;
};

int token(const token_options& asked) {
  auto settings = read_settings(asked.from, false);
  if (!settings) return bad_configuration;
  auto lifetime = config::parse_duration(asked.expire);
  if (!lifetime) {
    std::cerr << "--expire: found \"" << asked.expire << "\", expected a duration such as \"1h\"\n";
    return bad_configuration;
  }
  try {
    auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    std::cout << connection::mint_token(settings->client.token, asked.user, asked.channel,
                                        std::chrono::duration_cast<std::chrono::seconds>(*lifetime), asked.can,
                                        now.count())
              << "\n";
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "plexus: " << e.what() << "\n";
    return bad_configuration;
  }
}

} // namespace

int main(int count, char** words) {
  CLI::App app{
      "Plexus: a self-hosted realtime engine.\n"
      "Every configuration key can also be set by --set path.to.key=value and by the environment,\n"
      "PLEXUS_PATH__TO__KEY. Order: file, environment, --set. Exit codes: 0 a clean stop, 1 the node could not "
      "start,\n2 the configuration is faulty."};
  app.require_subcommand(0, 1);
  options serving;
  auto add_source = [](CLI::App& to, options& o) {
    to.add_option("--config", o.file, "the configuration file (JSON, comments allowed)")->envname("PLEXUS_CONFIG");
    to.add_option("--set", o.set, "path.to.key=value; may be given several times")
        ->take_all()
        ->allow_extra_args(false);
  };
  auto add_serving = [&](CLI::App& to) {
    add_source(to, serving);
    to.add_option("--ready-file", serving.ready_file,
                  "written once clients are accepted: {\"pid\",\"port\",\"internal_port\",\"name\"}");
    to.add_option("--inherit", serving.inherit)->group(""); // from a node to its successor
  };
  add_serving(app);
  auto* serve_command = app.add_subcommand("serve", "start a node (what plain `plexus` does too)");
  add_serving(*serve_command);

  std::string file;
  auto* check_command =
      app.add_subcommand("check", "check a configuration: exit 0, or 2 and a line for each fault");
  check_command->add_option("FILE", file)->required();

  token_options asked;
  auto* token_command = app.add_subcommand("token", "print a token signed with client.token.hmac_secret");
  add_source(*token_command, asked.from);
  token_command->add_option("--user", asked.user, "whose token")->required();
  token_command->add_option("--channel", asked.channel, "a subscription token for this channel");
  token_command->add_option("--expire", asked.expire, "how long it is good")->capture_default_str();
  token_command->add_option("--can", asked.can, R"(rights, for example {"publish":["chat:*"]})");

  health_options how;
  auto* health_command = app.add_subcommand(
      "health", "ask the node of this configuration how it is: exit 0, or 1 and what it says (for health checks)");
  add_source(*health_command, how.from);
  health_command->add_flag("--ready", how.ready, "whether it wants new clients, instead of whether it lives");
  health_command->add_option("--timeout-ms", how.timeout_ms, "for the answer")->capture_default_str();
  node::admin_cli administration(app, [](const std::string& from, const std::vector<std::string>& set) {
    options source;
    source.file = from;
    source.set = set;
    return read_settings(source, false);
  });

  auto* version_command = app.add_subcommand("version", "print the version");
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : bad_configuration;
  }
  if (*check_command) return check(file);
  if (*token_command) return token(asked);
  if (*health_command) return health(how);
  if (administration.chosen()) return administration.run();
  if (*version_command) {
    std::cout << "plexus " << PLEXUS_VERSION << "\n";
    return 0;
  }
  serving.again = command_of(count, words);
  return serve(serving);
}
