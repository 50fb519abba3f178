#include "config/check.hpp"

#include "config/schema.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace plexus::config {
namespace {

std::string source_of(const origins& where, const std::string& path) {
  const auto found = where.find(path);
  return found == where.end() ? std::string{} : found->second;
}

class pairs {
public:
  pairs(const loaded& from, const std::set<std::string, std::less<>>& refused) : from_(from), refused_(refused) {}

  std::vector<fault> check() {
    const auto& v = from_.values;
    files("listen.tls.", v.listen.tls_certificate, v.listen.tls_key);
    files("backplane.tls.", v.backplane.tls_certificate, v.backplane.tls_key);
    history("channels.default.", v.default_channel);
    proxies(v.listen);
    for (const auto& [name, options] : v.namespaces) history("channels.namespaces." + name + ".", options);
    return std::move(faults_);
  }

private:
  [[nodiscard]] bool set(const std::string& path) const { return from_.where.contains(path); }

  void files(const std::string& section, const std::string& certificate, const std::string& secret_key) {
    if (certificate.empty() == secret_key.empty()) return;
    if (refused_.contains(section + "certificate") || refused_.contains(section + "key")) return;
    const std::string present = certificate.empty() ? "key" : "certificate";
    const std::string missing = certificate.empty() ? "certificate" : "key";
    faults_.push_back({source_of(from_.where, section + present), section + present,
                       '"' + present + "\" without \"" + missing + '"', "both or neither"});
  }

  // Their headers would be taken for requests of clients.
  void proxies(const listen_section& v) {
    if (!v.proxy_protocol || !v.trusted_proxies.empty() || refused_.contains("listen.trusted_proxies")) return;
    faults_.push_back({source_of(from_.where, "listen.proxy_protocol"), "listen.proxy_protocol",
                       "true, but nobody in listen.trusted_proxies",
                       "the proxies that send the header there, or false"});
  }

  void history(const std::string& section, const channel_options& options) {
    if ((options.history_size > 0) == (options.history_ttl.count() > 0)) return;
    for (const auto* name : {"history_size", "history_ttl"})
      if (refused_.contains(section + name) || refused_.contains(std::string("channels.default.") + name)) return;
    // A namespace that only inherits the fault isn't where it has to be mended.
    const auto blamed = section + (set(section + "history_size") ? "history_size" : "history_ttl");
    if (!set(blamed)) return;
    const auto show = [&](const char* name) { return find_option(name)->write(options).dump(); };
    faults_.push_back({source_of(from_.where, blamed), blamed,
                       "history_size " + show("history_size") + " with history_ttl " + show("history_ttl"),
                       "both above zero or neither"});
  }

  const loaded& from_;
  const std::set<std::string, std::less<>>& refused_;
  std::vector<fault> faults_;
};

} // namespace

std::vector<fault> contradictions(const loaded& from, const std::set<std::string, std::less<>>& refused) {
  return pairs{from, refused}.check();
}

} // namespace plexus::config
