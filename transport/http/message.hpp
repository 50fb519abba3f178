#pragma once
// A request and a response of the HTTP side, free of Beast, so that handlers compile quickly.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plexus::transport::http {

struct request {
  std::string method;                                       ///< "GET", "POST", ...
  std::string path;                                         ///< decoded, without the query
  std::string query;                                        ///< as it came, without the '?'
  std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case
  std::string body;
  unsigned version = 11;  ///< 10 for HTTP/1.0
  bool keep_alive = true; ///< the client may ask for more on this connection

  /// The first header of that (lower-case) name; empty where there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
  /// All headers of that name, joined by commas, as lists may be cut.
  [[nodiscard]] std::string all_headers(std::string_view name) const;
  /// A decoded value of the query; empty where there is none.
  [[nodiscard]] std::string parameter(std::string_view name) const;
};

struct response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// `%XX` to bytes; in queries a plus is a space.
std::string decode_url(std::string_view text, bool plus_is_space);

/// An answer in one sentence.
inline response sentence(int status, std::string_view text) {
  response out{status, "text/plain; charset=utf-8", std::string(text), {}};
  out.body += '\n';
  return out;
}

/// Called once, on the loop of the socket that the request came over.
using respond = std::function<void(response)>;

/// Methods with a meaning here; the rest is 405 everywhere.
inline bool known_method(std::string_view m) noexcept {
  return m == "GET" || m == "HEAD" || m == "POST" || m == "OPTIONS";
}

/// Bytes of body that anybody may send anywhere: it is taken into memory before it is looked at.
inline constexpr std::uint64_t small_body = 4096;

/// Answers requests for some paths. Any loop may call; `done` is called on the loop that called, at once or later.
class handler {
public:
  virtual ~handler() = default;
  /// Bytes of body that a request with this head may bring, asked before they are taken in; 0: any.
  [[nodiscard]] virtual std::uint64_t max_body(const request&) const { return small_body; }
  /// The answer to a request with more.
  [[nodiscard]] virtual response too_large(const request&) const {
    return sentence(413, "The body is larger than this path takes.");
  }
  virtual void handle(const request& what, respond done) = 0;
};

} // namespace plexus::transport::http
