// Configurations: any file, environment and --set. A fault has a sentence; what is good is good again. Input: a
// line of environment, one of --set, the file.

#include "config/load.hpp"
#include "tests/fuzz/input.hpp"

using namespace plexus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  config::sources from;
  if (const auto line = in.line(); !line.empty()) from.environment = {"PLEXUS_" + std::string(line)};
  if (const auto line = in.line(); !line.empty()) from.set = {std::string(line)};
  from.file = config::document{"plexus.json", std::string(in.rest())};
  from.read = [](const std::string& path) -> std::optional<std::string> {
    return path.size() % 2 == 0 ? std::nullopt : std::optional("content\n");
  };
  const auto got = config::load(from);
  for (const auto& f : got.faults) {
    const auto line = config::to_string(f);
    fuzz::require(line.size() > 10 && line.find('\n') == std::string::npos, "a fault isn't one line");
  }
  if (got.ok()) {
    (void)got.values.options_of("chat:room");
    fuzz::require(config::load(from).values == got.values, "another time, other settings");
  }
  return 0;
}
