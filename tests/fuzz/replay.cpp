// Stands in for libFuzzer where there is none: runs the target once for each file of the directories given.

#include "tests/fuzz/input.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

int main(int count, char** words) {
  std::size_t files = 0;
  for (int i = 1; i < count; ++i) {
    if (!std::filesystem::is_directory(words[i])) {
      std::fprintf(stderr, "replay: %s is no directory\n", words[i]);
      return 1;
    }
    for (const auto& entry : std::filesystem::directory_iterator(words[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
      // Named before it runs: it may not come back.
      std::printf("%s\n", entry.path().c_str());
      std::fflush(stdout);
      // A copy of exactly that size, so that a sanitizer sees what reads beyond.
      const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
      LLVMFuzzerTestOneInput(exact.data(), exact.size());
      ++files;
    }
  }
  std::printf("%zu inputs\n", files);
  return files > 0 ? 0 : 1;
}
