#include "actors/node/admin_screen.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

namespace plexus::node {

using nlohmann::json;

namespace {

using row = std::vector<std::string>;

std::string format(const char* how, double value) {
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), how, value);
  return out.data();
}

std::string count(const json& n) {
  if (!n.is_number()) return "-";
  const auto v = n.get<double>();
  if (v >= 1e9) return format("%.1fG", v / 1e9);
  if (v >= 1e6) return format("%.1fM", v / 1e6);
  if (v >= 1e4) return format("%.1fk", v / 1e3);
  return v == std::floor(v) ? format("%.0f", v) : format("%.1f", v);
}

std::string size(const json& n) {
  if (!n.is_number()) return "-";
  const auto v = n.get<double>();
  if (v >= 1e9) return format("%.2fGB", v / 1e9);
  if (v >= 1e6) return format("%.1fMB", v / 1e6);
  return v >= 1e3 ? format("%.1fkB", v / 1e3) : format("%.0fB", v);
}

std::string milliseconds(double v) {
  if (v <= 0) return "0ms";
  if (v < 1) return format("%.0fus", v * 1000);
  return v < 10 ? format("%.1fms", v) : format("%.0fms", v);
}

std::string span(double seconds) {
  const auto s = static_cast<long>(seconds);
  if (s < 60) return std::to_string(s) + "s";
  if (s < 3600) return std::to_string(s / 60) + "m" + std::to_string(s % 60) + "s";
  return s < 86400 ? std::to_string(s / 3600) + "h" + std::to_string(s % 3600 / 60) + "m"
                   : std::to_string(s / 86400) + "d" + std::to_string(s % 86400 / 3600) + "h";
}

std::string text(const json& of, const char* name) {
  auto found = of.find(name);
  if (found == of.end() || found->is_null()) return "-";
  return printable(found->is_string() ? found->get<std::string>()
                                      : found->dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string clock_of(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  std::strftime(out.data(), out.size(), "%H:%M:%S", &parts);
  return std::string(out.data()) + format(".%03.0f", static_cast<double>(unix_ms % 1000));
}

/// Length in characters, as far as a terminal counts them: bytes that continue one aren't.
std::size_t width(const std::string& s) {
  return static_cast<std::size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string cut(const std::string& s, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < s.size(); ++i)
    if ((static_cast<unsigned char>(s[i]) & 0xC0U) != 0x80U && seen++ == columns) return s.substr(0, i);
  return s;
}

std::string table(const std::vector<row>& rows, std::size_t columns = 0) {
  std::vector<std::size_t> widths;
  for (auto& r : rows)
    for (std::size_t i = 0; i < r.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], std::min<std::size_t>(width(r[i]), 48));
    }
  std::string out;
  for (auto& r : rows) {
    std::string line;
    for (std::size_t i = 0; i < r.size(); ++i) {
      auto cell = cut(r[i], 48);
      line += cell;
      if (i + 1 < r.size()) line.append(widths[i] - width(cell) + 2, ' ');
    }
    out += (columns > 0 ? cut(line, columns) : line) + "\n";
  }
  return out;
}

double worst_lag(const json& node) {
  double lag = 0;
  for (auto& l : node["loops"]) lag = std::max(lag, l["lag"].get<double>());
  return lag;
}

double figure(const json& node, const char* name) {
  return node["figures"].value(name, 0.0);
}

std::vector<row> node_rows(const json& nodes) {
  std::vector<row> rows{{"NODE", "STATE", "CLIENTS", "CHANNELS", "OUT/S", "IN/S", "P99", "LAG", "MEMORY", "UP"}};
  for (auto& n : nodes)
    rows.push_back({text(n, "node"), n["ready"] == true ? text(n, "state") : text(n, "state") + "!",
                    count(n["clients"]), count(n["channels"]), count(figure(n, "messages_out")),
                    count(figure(n, "messages_in")), milliseconds(figure(n, "publish_p99") * 1000),
                    milliseconds(worst_lag(n)), size(n["memory"]), span(n["uptime"].get<double>())});
  return rows;
}

std::vector<row> connection_rows(const json& list) {
  std::vector<row> rows{
      {"CLIENT", "USER", "NODE", "TRANSPORT", "LIBRARY", "SINCE", "CHANNELS", "IN", "OUT", "QUEUE"}};
  const auto now = static_cast<double>(std::time(nullptr));
  for (auto& c : list)
    rows.push_back({text(c, "client"), text(c, "user"), text(c, "node"), text(c, "transport"), text(c, "library"),
                    span(std::max(0.0, now - c["since"].get<double>())), count(c["channels"]),
                    size(c["received"]["bytes"]), size(c["sent"]["bytes"]), size(c["queue"])});
  return rows;
}

std::vector<row> channel_rows(const json& list) {
  std::vector<row> rows{{"CHANNEL", "SUBSCRIBERS", "PUB/S", "PUBLICATIONS", "BYTES", "OFFSET", "NODES"}};
  for (auto& c : list)
    rows.push_back({text(c, "channel"), count(c["subscribers"]), count(c["publications_per_second"]),
                    count(c["publications"]), size(c["bytes"]),
                    c["position"].is_null() ? "-" : count(c["position"]["offset"]), count(c["nodes"])});
  return rows;
}

std::string log_lines(const json& lines) {
  std::string out;
  for (auto& l : lines) {
    out += clock_of(l["time"].get<std::int64_t>()) + " " + text(l, "level") + " " + text(l, "node") + " " +
           text(l, "part") + ": " + text(l, "event");
    for (auto& [name, value] : l["fields"].items())
      out += " " + printable(name) + "=" + text(l["fields"], name.c_str());
    out += "\n";
  }
  return out;
}

std::string trace_lines(const json& steps) {
  std::string out;
  for (auto& s : steps) {
    out += clock_of(s["time"].get<std::int64_t>() / 1000) + " " + text(s, "what") + " " + text(s, "kind");
    for (const char* name : {"channel", "user", "client", "number", "why", "bytes", "node", "payload"})
      if (s.contains(name)) out += std::string(" ") + name + "=" + text(s, name);
    out += "\n";
  }
  return out;
}

} // namespace

std::string printable(const std::string& from) {
  std::string out;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto c = static_cast<unsigned char>(from[i]);
    // U+0080 to U+009F are controls too, in UTF-8 two bytes.
    const bool c1 = c == 0xC2 && i + 1 < from.size() && static_cast<unsigned char>(from[i + 1]) < 0xA0;
    out.push_back(c < 0x20 || c == 0x7f || c1 ? '?' : from[i]);
    i += c1 ? 1 : 0;
  }
  return out;
}

std::string show_answer(const std::string& method, const json& result) {
  std::string out;
  if (method == "nodes")
    out = table(node_rows(result["nodes"]));
  else if (method == "connections")
    out = table(connection_rows(result["connections"])) + std::to_string(result["matched"].get<std::uint64_t>()) +
          " match\n";
  else if (method == "channels")
    out = table(channel_rows(result["channels"])) + std::to_string(result["matched"].get<std::uint64_t>()) +
          " match\n";
  else if (method == "logs")
    out = log_lines(result["lines"]);
  else if (method == "trace")
    out = trace_lines(result["steps"]);
  else
    return result.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  if (auto dropped = result.find("dropped"); dropped != result.end() && *dropped != 0)
    out += dropped->dump() + " more were dropped\n";
  if (auto refused = result.find("refused"); refused != result.end())
    for (auto& [node, why] : refused->items())
      out += "refused by " + printable(node) + ": " + text(why, "message") + "\n";
  if (auto silent = result.find("silent"); silent != result.end() && !silent->empty()) {
    out += "no answer in time from:";
    for (auto& s : *silent) out += " " + printable(s.get<std::string>());
    out += "\n";
  }
  return out;
}

std::string show_overview(const json& nodes, const json& queues, const json& channels, std::size_t columns) {
  double clients = 0, out_rate = 0, in_rate = 0, lag = 0, p99 = 0;
  for (auto& n : nodes["nodes"]) {
    clients += n["clients"].get<double>();
    out_rate += figure(n, "messages_out");
    in_rate += figure(n, "messages_in");
    lag = std::max(lag, worst_lag(n));
    p99 = std::max(p99, figure(n, "publish_p99"));
  }
  std::string out = cut("plexus  " + count(nodes["nodes"].size()) + " nodes  " + count(clients) + " connections  " +
                            count(out_rate) + "/s out  " + count(in_rate) + "/s in  p99 " +
                            milliseconds(p99 * 1000) + "  lag " + milliseconds(lag),
                        columns) +
                    "\n";
  if (!nodes["silent"].empty()) {
    std::string line = "NO ANSWER FROM";
    for (auto& s : nodes["silent"]) line += " " + printable(s.get<std::string>());
    out += cut(line, columns) + "\n";
  }
  out += "\n" + table(node_rows(nodes["nodes"]), columns);
  if (!channels["channels"].empty()) out += "\n" + table(channel_rows(channels["channels"]), columns);
  if (!queues["connections"].empty()) out += "\n" + table(connection_rows(queues["connections"]), columns);
  return out;
}

} // namespace plexus::node
