#include "load/options.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

namespace plexus::bench {
namespace {

template <class Number>
void read_number(Number& value, std::string_view name, std::string_view text) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
    throw std::runtime_error(std::string(name) + ": a number was expected, not " + std::string(text));
  }
}

template <class Number>
void read_numbers(std::vector<Number>& values, std::string_view name, std::string_view text) {
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(','));
    read_number(values.emplace_back(), name, word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
}

std::vector<std::string> read_lines(const std::string& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  if (lines.empty()) throw std::runtime_error("no tokens in " + file);
  return lines;
}

void read_option(options& into, std::string_view name, const std::string& value) {
  if (name == "--port") return read_number(into.port, name, value);
  if (name == "--ports") {
    read_numbers(into.ports, name, value);
    into.port = into.ports.empty() ? 0 : into.ports.front();
    return;
  }
  if (name == "--pid") return read_number(into.server, name, value);
  if (name == "--other-pids") return read_numbers(into.others, name, value);
  if (name == "--connections") return read_number(into.connections, name, value);
  if (name == "--at-once") return read_number(into.at_once, name, value);
  if (name == "--in-flight") return read_number(into.in_flight, name, value);
  if (name == "--outstanding") return read_number(into.outstanding, name, value);
  if (name == "--publishers") return read_number(into.publishers, name, value);
  if (name == "--data") return read_number(into.data_size, name, value);
  if (name == "--rate") return read_number(into.rate, name, value);
  if (name == "--publications") return read_number(into.publications, name, value);
  if (name == "--missed") return read_number(into.missed, name, value);
  if (name == "--batch") return read_number(into.batch, name, value);
  if (name == "--key") {
    into.key = value;
    return;
  }
  if (name == "--seconds") return read_number(into.seconds, name, value);
  if (name == "--timeout") return read_number(into.timeout, name, value);
  if (name == "--channels") return read_number(into.channels, name, value);
  if (name == "--sources") return read_number(into.sources, name, value);
  if (name == "--tokens") {
    into.tokens = read_lines(value);
    return;
  }
  throw std::runtime_error("unknown option " + std::string(name));
}

bool* flag_of(options& in, std::string_view name) {
  if (name == "--two-step") return &in.two_step;
  if (name == "--protobuf") return &in.protobuf;
  if (name == "--tls") return &in.tls;
  if (name == "--resume") return &in.resume;
  if (name == "--socket-io") return &in.socket_io;
  return nullptr;
}

} // namespace

options parse_options(int count, char** words) {
  options result;
  if (count > 1) result.phase = words[1];
  for (int i = 2; i < count; ++i) {
    const std::string_view name = words[i];
    if (auto* const flag = flag_of(result, name)) {
      *flag = true;
      continue;
    }
    if (++i == count) throw std::runtime_error(std::string(name) + " needs a value");
    read_option(result, name, words[i]);
  }
  if (result.port == 0 || result.connections == 0 || result.in_flight == 0 || result.at_once == 0 ||
      result.outstanding == 0 || result.sources == 0 || result.sources > 250) {
    throw std::runtime_error("--port and --connections are needed; counts are at least 1, --sources at most 250");
  }
  if (result.resume && !result.tls) throw std::runtime_error("--resume is for --tls");
  if (result.tls && result.phase == "api") throw std::runtime_error("--tls is not for api");
  constexpr std::string_view in_protobuf[] = {"fanout", "mixed", "hold", "connect", "churn", "spread"};
  if (result.protobuf && std::ranges::find(in_protobuf, result.phase) == std::end(in_protobuf)) {
    throw std::runtime_error("--protobuf is for fanout, mixed, hold, connect, churn and spread");
  }
  return result;
}

} // namespace plexus::bench
