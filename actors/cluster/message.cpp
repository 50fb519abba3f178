#include "actors/cluster/message.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace plexus::cluster {

namespace {

constexpr std::string_view letters = "QANG"; // by kind

/// "Q ID PART LAST SUBJECT\n", then the part's share of the body. LAST is 1 for the last one.
struct heading {
  message::kind what = message::kind::question;
  std::uint64_t id = 0, part = 0, last = 0;
  std::string_view subject;
};

bool take_number(std::string_view& line, std::uint64_t& out) {
  const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), out);
  if (failed != std::errc{} || end == line.data() + line.size() || *end != ' ') return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  return true;
}

std::optional<heading> read_heading(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  if (end == std::string_view::npos || end < 2 || bytes[1] != ' ') return std::nullopt;
  const auto letter = letters.find(bytes[0]);
  if (letter == std::string_view::npos) return std::nullopt;
  heading out;
  out.what = static_cast<message::kind>(letter);
  auto line = bytes.substr(2, end - 2);
  if (!take_number(line, out.id) || !take_number(line, out.part) || !take_number(line, out.last))
    return std::nullopt;
  out.subject = line;
  bytes.remove_prefix(end + 1);
  return out;
}

} // namespace

std::vector<std::string> to_parts(const message& what) {
  std::vector<std::string> out;
  std::string_view left = what.body;
  do {
    const auto share = left.substr(0, max_part);
    left.remove_prefix(share.size());
    std::string part(1, letters[static_cast<std::size_t>(what.what)]);
    part += ' ' + std::to_string(what.id) + ' ' + std::to_string(out.size()) + (left.empty() ? " 1 " : " 0 ");
    part.append(what.subject).append(1, '\n').append(share);
    out.push_back(std::move(part));
  } while (!left.empty());
  return out;
}

std::optional<message> assembler::take(const std::string& from, std::string_view part, bool& lost) {
  const auto head = read_heading(part);
  if (!head) {
    lost = true;
    return std::nullopt;
  }
  auto at = begun_.find(from);
  if (head->part == 0) {
    lost = lost || at != begun_.end();
    if (at == begun_.end()) at = begun_.try_emplace(from).first;
    at->second = {{head->what, head->id, std::string(head->subject), {}}, 0};
  }
  const bool fits = at != begun_.end() && at->second.next == head->part && at->second.what.id == head->id &&
                    at->second.what.what == head->what && at->second.what.body.size() + part.size() <= max_body;
  if (!fits) {
    lost = true;
    if (at != begun_.end()) begun_.erase(at);
    return std::nullopt;
  }
  at->second.what.body.append(part);
  ++at->second.next;
  if (head->last == 0) return std::nullopt;
  auto whole = std::move(at->second.what);
  begun_.erase(at);
  return whole;
}

} // namespace plexus::cluster
