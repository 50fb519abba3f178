#include "backplane/redis/wire.hpp"

#include <charconv>

namespace plexus::backplane::redis {

namespace {

constexpr std::size_t time_digits = 13;
constexpr int has_info = 1, is_binary = 2; // a digit behind the time

void put_number(std::string& to, std::uint64_t n) {
  for (; n >= 0x80; n >>= 7) to.push_back(static_cast<char>(n | 0x80));
  to.push_back(static_cast<char>(n));
}

void put_text(std::string& to, std::string_view text) {
  put_number(to, text.size());
  to.append(text);
}

/// Reads what `put_...` wrote; `fine` is false once something was missing.
class reader {
public:
  explicit reader(std::string_view bytes) : left_(bytes) {}
  std::uint64_t number() {
    std::uint64_t n = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      n |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return n;
    }
    fine = false;
    return 0;
  }
  std::string_view text() {
    const auto size = number();
    if (!fine || size > left_.size()) {
      fine = false;
      return {};
    }
    const auto out = left_.substr(0, size);
    left_.remove_prefix(size);
    return out;
  }
  std::uint64_t little_endian(std::size_t bytes) { return fixed(bytes, false); }
  std::uint64_t big_endian(std::size_t bytes) { return fixed(bytes, true); }
  std::string_view text(std::size_t size) {
    fine = fine && size <= left_.size();
    if (!fine) return {};
    const auto out = left_.substr(0, size);
    left_.remove_prefix(size);
    return out;
  }
  [[nodiscard]] std::string_view left() const { return left_; }
  [[nodiscard]] bool at_end() const { return left_.empty(); }
  bool fine = true;

private:
  std::uint64_t fixed(std::size_t bytes, bool big) {
    std::uint64_t n = 0;
    const auto from = text(bytes);
    for (std::size_t i = 0; i < from.size(); ++i)
      n = n << 8 | static_cast<unsigned char>(from[big ? i : from.size() - 1 - i]);
    return n;
  }
  std::string_view left_;
};

/// MessagePack, as much of it as scripts answer with.
class packed_reader : public reader {
public:
  using reader::reader;
  std::size_t list() {
    const auto kind = big_endian(1);
    if (kind >> 4 == 0x9) return kind & 0xf;
    if (kind == 0xdc || kind == 0xdd) return big_endian(kind == 0xdc ? 2 : 4);
    fine = false;
    return 0;
  }
  std::string_view string() {
    const auto kind = big_endian(1);
    if (kind >> 5 == 0x5) return text(kind & 0x1f);
    if (kind == 0xd9 || kind == 0xda) return text(big_endian(kind == 0xd9 ? 1 : 2));
    fine = false;
    return {};
  }
  std::uint64_t count() {
    const auto kind = big_endian(1);
    if (kind < 0x80) return kind;
    if (kind >= 0xcc && kind <= 0xcf) return big_endian(std::size_t{1} << (kind - 0xcc));
    fine = false;
    return 0;
  }
};

/// "P", sizes, sequence, offset, then epoch, channel and content: of all kinds the one that costs.
bool read_publication(std::string_view& entry, handed_on& into) {
  reader from(entry.substr(1));
  const auto content = from.little_endian(4), name = from.little_endian(2), epoch = from.little_endian(2);
  into.sequence = from.little_endian(8);
  into.number = from.little_endian(8);
  into.epoch = from.text(epoch);
  into.channel = from.text(name);
  into.content = from.text(content);
  entry = from.left();
  return from.fine;
}

void put_member(std::string& to, const client_info& who) {
  put_text(to, who.user);
  put_text(to, who.client);
  put_text(to, who.conn_info);
  put_text(to, who.channel_info);
}

client_info get_member(reader& from) {
  client_info who;
  who.user = from.text();
  who.client = from.text();
  who.conn_info = from.text();
  who.channel_info = from.text();
  return who;
}

} // namespace

std::string encode_body(const draft& what) {
  std::string out;
  out.reserve(what.data.size() + 16);
  out.push_back(static_cast<char>('0' + (what.info ? has_info : 0) + (what.binary ? is_binary : 0)));
  put_text(out, what.data);
  put_number(out, what.tags.size());
  for (const auto& [name, value] : what.tags) {
    put_text(out, name);
    put_text(out, value);
  }
  if (what.info) put_member(out, *what.info);
  // Redis' Lua hashes only some bytes of a long string, the last one always: texts that are much alike would all go
  // into one list, which each new one is compared with.
  thread_local unsigned char spice = 0;
  out.push_back(static_cast<char>(spice++));
  return out;
}

std::shared_ptr<protocol::publication> decode_publication(std::string_view text) {
  if (text.size() <= time_digits) return nullptr;
  const auto time = to_number(text.substr(0, time_digits));
  if (!time) return nullptr;
  auto made = std::make_shared<protocol::publication>();
  made->time = milliseconds{static_cast<std::int64_t>(*time)};
  const int flags = text[time_digits] - '0';
  if (flags < 0 || flags > has_info + is_binary) return nullptr;
  made->binary = (flags & is_binary) != 0;
  reader from(text.substr(time_digits + 1));
  made->data = from.text();
  for (auto tags = from.number(); tags > 0 && from.fine; --tags) {
    std::string name{from.text()};
    made->tags.emplace_back(std::move(name), std::string{from.text()});
  }
  if ((flags & has_info) != 0) made->info = std::make_shared<const client_info>(get_member(from));
  from.text(1);
  if (!from.fine || !from.at_end()) return nullptr;
  return made;
}

std::string encode_member(const client_info& who) {
  std::string out;
  put_member(out, who);
  return out;
}

std::optional<client_info> decode_member(std::string_view bytes) {
  reader from(bytes);
  auto who = get_member(from);
  if (!from.fine || !from.at_end()) return std::nullopt;
  return who;
}

std::string_view info_value(std::string_view info, std::string_view name) {
  const auto at = info.find(std::string("\n").append(name).append(":"));
  if (at == std::string_view::npos) return {};
  const auto from = at + name.size() + 2;
  return info.substr(from, info.find_first_of("\r\n", from) - from);
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t n = 0;
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, n);
  if (error != std::errc{} || at != end) return std::nullopt;
  return n;
}

std::optional<std::uint64_t> inbox_number(std::string_view id) {
  if (id.substr(0, 2) != "1-") return std::nullopt;
  return to_number(id.substr(2));
}

std::vector<append_answer> unpack_answers(std::string_view packed) {
  packed_reader from(packed);
  const auto values = from.list();
  std::vector<append_answer> out;
  for (std::size_t i = 0; i + 3 <= values && from.fine; i += 3) {
    auto& each = out.emplace_back();
    each.epoch = from.string();
    each.sequence = from.count();
    each.offset = from.count();
  }
  if (!from.fine || !from.at_end()) out.clear();
  return out;
}

std::optional<notice> decode_notice(std::string_view text) {
  const auto first = text.find(' ');
  const auto second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto value = to_number(text.substr(0, first)), end = to_number(text.substr(first + 1, second - first - 1));
  if (!value || !end) return std::nullopt;
  return notice{std::string(text.substr(second + 1)), static_cast<std::int64_t>(*value),
                milliseconds{static_cast<std::int64_t>(*end)}};
}

presence_change::kind to_kind(std::string_view letter) {
  using kind = presence_change::kind;
  if (letter == "j") return kind::joined;
  if (letter == "u") return kind::updated;
  if (letter == "l") return kind::left;
  return kind::none;
}

bool decode_entry(std::string_view entry, const std::function<void(const handed_on&)>& each) {
  while (!entry.empty()) {
    handed_on one;
    switch (entry.front()) {
    case 'P':
      if (!read_publication(entry, one)) return false;
      each(one);
      continue;
    case 'M':
      one.what = handed_on::kind::presence;
      break;
    case 'T':
      one.what = handed_on::kind::notice;
      break;
    case 'D':
      one.what = handed_on::kind::message;
      break;
    default:
      return false;
    }
    const auto line_end = entry.find('\n');
    if (line_end == std::string_view::npos) return false;
    auto line = entry.substr(1, line_end - 1);
    entry.remove_prefix(line_end + 1);
    const auto word = [&line] {
      const auto space = line.find(' ');
      const auto out = line.substr(0, space);
      line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
      return out;
    };
    one.epoch = word();
    const auto sequence = to_number(word()), number = to_number(word());
    const auto name_size = to_number(word()), content_size = to_number(word());
    if (!sequence || !number || !name_size || !content_size) return false;
    if (*name_size > entry.size() || *content_size > entry.size() - *name_size) return false;
    if (one.what == handed_on::kind::presence) one.change = to_kind(word());
    one.sequence = *sequence;
    one.number = *number;
    one.channel = entry.substr(0, *name_size);
    one.content = entry.substr(*name_size, *content_size);
    entry.remove_prefix(*name_size + *content_size);
    each(one);
  }
  return true;
}

} // namespace plexus::backplane::redis
