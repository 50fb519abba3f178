#include "actors/protocol/fossil_delta.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

using plexus::protocol::make_fossil_delta;

namespace {

/// What a client does with a delta; nothing where it isn't one.
class decoder {
public:
  decoder(std::string_view source, std::string_view delta) : source_(source), rest_(delta) {}

  std::optional<std::string> run() {
    const auto size = number();
    if (!take('\n')) return {};
    for (;;) {
      const auto count = number();
      if (take('@')) {
        const auto from = number();
        if (!take(',') || from > source_.size() || count > source_.size() - from) return {};
        out_ += source_.substr(from, count);
      } else if (take(':')) {
        if (count > rest_.size()) return {};
        inserts.emplace_back(rest_.substr(0, count));
        out_ += rest_.substr(0, count);
        rest_.remove_prefix(count);
      } else if (take(';')) {
        if (!rest_.empty() || out_.size() != size || count != sum()) return {};
        return out_;
      } else {
        return {};
      }
    }
  }

  std::vector<std::string> inserts;

private:
  std::uint64_t number() {
    static constexpr std::string_view digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    std::uint64_t value = 0;
    while (!rest_.empty() && digits.find(rest_.front()) != std::string_view::npos) {
      value = value * 64 + digits.find(rest_.front());
      rest_.remove_prefix(1);
    }
    return value;
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] std::uint32_t sum() const {
    auto padded = out_;
    while (padded.size() % 4 != 0) padded += '\0';
    std::uint32_t all = 0;
    for (std::size_t i = 0; i < padded.size(); i += 4)
      for (std::size_t k = 0; k < 4; ++k)
        all += std::uint32_t{static_cast<unsigned char>(padded[i + k])} << (24 - 8 * k);
    return all;
  }

  std::string_view source_, rest_;
  std::string out_;
};

std::size_t checked(const std::string& source, const std::string& target) {
  const auto delta = make_fossil_delta(source, target);
  if (delta.empty()) return target.size();
  CHECK(delta.size() < target.size());
  const auto got = decoder(source, delta).run();
  REQUIRE(got.has_value());
  CHECK(*got == target);
  return delta.size();
}

bool whole_characters(std::string_view text) {
  const auto inside = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  if (text.empty() || inside(text.front())) return text.empty();
  std::size_t last = text.size() - 1;
  while (inside(text[last])) --last;
  const auto lead = static_cast<unsigned char>(text[last]);
  const std::size_t needs = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return text.size() - last == needs;
}

} // namespace

TEST_CASE("a small change in a large text is a small delta") {
  std::string before = R"({"price":101.25,"book":[)";
  for (int i = 0; i < 100; ++i) before += "[" + std::to_string(i * 7919) + "," + std::to_string(i * i) + "],";
  auto after = before;
  after.replace(after.find("101.25"), 6, "101.5");
  CHECK(checked(before, after) < 40);
  CHECK(checked(before, before) < 20);
  CHECK(checked(before, before + "more") < 30);
  CHECK(checked(before, "more" + before) < 30);
}

TEST_CASE("what moves about is found") {
  std::string first(300, '\0'), second(300, '\0');
  std::mt19937 random(1);
  for (auto& c : first) c = static_cast<char>('a' + random() % 26);
  for (auto& c : second) c = static_cast<char>('A' + random() % 26);
  CHECK(checked(first + second, second + first) < 40);
}

TEST_CASE("nothing in common, or next to nothing at all, is no delta") {
  CHECK(make_fossil_delta("", "").empty());
  CHECK(make_fossil_delta("short", "short").empty());
  CHECK(make_fossil_delta(std::string(100, 'a'), "").empty());
  CHECK(make_fossil_delta("", std::string(100, 'a')).empty());
  CHECK(make_fossil_delta(R"({"x":123456})", R"({"y":987654})").empty());
  const std::string huge(plexus::protocol::max_delta_input + 1, 'a');
  CHECK(make_fossil_delta(huge, huge).empty());
}

TEST_CASE("no character is cut in two") {
  // Characters that differ in their last byte only, or begin alike.
  const std::vector<std::string> letters{"é", "è", "€", "₭", "😀", "😁", "a", "ü"};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string before, after;
    for (int i = 0; i < 40; ++i) {
      const auto& letter = letters[random() % letters.size()];
      before += letter;
      after += random() % 6 == 0 ? letters[random() % letters.size()] : letter;
    }
    const auto delta = make_fossil_delta(before, after);
    if (delta.empty()) continue;
    decoder reader(before, delta);
    REQUIRE(reader.run() == after);
    for (const auto& insert : reader.inserts) CHECK(whole_characters(insert));
  }
}

TEST_CASE("any two texts: the delta turns the one into the other") {
  std::mt19937 random(11);
  for (int round = 0; round < 4000; ++round) {
    const auto alphabet = 1 + random() % 40; // small ones repeat themselves
    std::string source(random() % 600, '\0');
    for (auto& c : source) c = static_cast<char>(random() % 7 == 0 ? random() : 'a' + random() % alphabet);
    auto target = source;
    for (auto edits = random() % 8; edits > 0; --edits) {
      const auto at = random() % (target.size() + 1);
      const auto size = std::min<std::size_t>(random() % 50, target.size() - at);
      std::string piece = random() % 2 == 0
                              ? source.substr(std::min<std::size_t>(random() % 600, source.size()), 60)
                              : std::string(random() % 30, static_cast<char>(random()));
      target.replace(at, size, piece);
    }
    checked(source, target);
  }
}

TEST_CASE("hostile texts take time in proportion") {
  // Quadratic time would be minutes: the program's time-out would end it.
  std::string same(400'000, 'a'), pairs;
  while (pairs.size() < 400'000) pairs += "ab";
  checked(same, same);
  checked(same, pairs);
  checked(pairs, same);
  checked(same, std::string(400'000, '\x80')); // looks like the inside of a character
  checked(std::string(400'000, '\x80'), std::string(399'000, '\x80') + "x");
  auto holes = same;
  for (std::size_t i = 0; i < holes.size(); i += 13) holes[i] = 'b';
  checked(same, holes);
  checked(holes, same);
}
