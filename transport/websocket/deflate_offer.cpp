#include "transport/websocket/deflate.hpp"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

namespace plexus::transport::websocket {

namespace {

bool is_token(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

struct parameter {
  std::string name;
  std::optional<std::string> value;
};
struct extension {
  std::string name;
  std::vector<parameter> parameters;
};

/// Reads the list of RFC 6455 9.1.
class list_reader {
public:
  explicit list_reader(std::string_view text) : rest_(text) {}

  /// False: no such list.
  bool read(std::vector<extension>& into) {
    for (;;) {
      while (take(',')) {
      } // empty elements may stand anywhere
      if (rest_.empty()) return true;
      extension one;
      if (!token(one.name)) return false;
      while (take(';')) {
        parameter p;
        if (!token(p.name)) return false;
        if (take('=') && !value(p.value.emplace())) return false;
        one.parameters.push_back(std::move(p));
      }
      into.push_back(std::move(one));
      if (!rest_.empty() && rest_.front() != ',') return false;
    }
  }

private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }
  bool token(std::string& into) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token);
    into.assign(rest_.begin(), end);
    rest_.remove_prefix(into.size());
    skip_blanks();
    return !into.empty();
  }
  /// A token, or one in quotes.
  bool value(std::string& into) {
    if (!take('"')) return token(into);
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty() || !is_token(rest_.front())) return false;
      into += rest_.front();
      rest_.remove_prefix(1);
    }
    return !into.empty() && take('"');
  }

  std::string_view rest_;
};

/// 8 to 15 in decimal without zeros in front; 0: something else.
window_bits bits_of(const std::string& text) noexcept {
  if (text == "8" || text == "9") return static_cast<window_bits>(text[0] - '0');
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5')
    return static_cast<window_bits>(10 + text[1] - '0');
  return 0;
}

/// The window for this offer; 0: it can't be served. `named`: the client asked for a window.
window_bits serve(const extension& offer, bool& named) {
  window_bits window = full_window;
  named = false;
  for (auto p = offer.parameters.begin(); p != offer.parameters.end(); ++p) {
    const auto same = [&](const parameter& other) { return other.name == p->name; };
    if (std::any_of(offer.parameters.begin(), p, same)) return 0;
    if (p->name == "server_no_context_takeover" || p->name == "client_no_context_takeover") {
      if (p->value) return 0;
    } else if (p->name == "client_max_window_bits") {
      // How far back the client may look is its own choice: the decompressor has the full window.
      if (p->value && bits_of(*p->value) == 0) return 0;
    } else if (p->name == "server_max_window_bits") {
      window = p->value ? bits_of(*p->value) : window_bits{0};
      named = true;
      if (window < 9) return 0; // zlib has no compressor for 8
    } else {
      return 0;
    }
  }
  return window;
}

} // namespace

deflate_agreement agree_on_deflate(std::string_view offered) {
  deflate_agreement out;
  std::vector<extension> offers;
  if (!list_reader(offered).read(offers)) {
    out.malformed = true;
    return out;
  }
  for (const auto& offer : offers) {
    if (offer.name != "permessage-deflate") continue;
    bool named = false;
    out.window = serve(offer, named);
    if (out.window == 0) continue;
    // Both are the server's to ask for, whether the client offered them or not (RFC 7692 7.1.1).
    out.answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    if (named) out.answer += "; server_max_window_bits=" + std::to_string(out.window);
    return out;
  }
  return out;
}

} // namespace plexus::transport::websocket
