#include "backplane/redis/link.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <deque>
#include <stdexcept>

namespace plexus::backplane::redis {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

class tls_context {
public:
  asio::ssl::context context{asio::ssl::context::tls_client};
};

std::shared_ptr<tls_context> make_tls_context(const tls_settings& from) {
  auto made = std::make_shared<tls_context>();
  auto& c = made->context;
  const auto must = [](const error_code& failed, const char* what, const std::string& file) {
    if (failed) throw std::runtime_error(std::string(what) + ": " + file + ": " + failed.message());
  };
  error_code failed;
  c.set_verify_mode(asio::ssl::verify_peer);
  if (from.ca.empty())
    c.set_default_verify_paths(failed);
  else
    c.load_verify_file(from.ca, failed);
  must(failed, "backplane.tls.ca", from.ca);
  if (!from.certificate.empty()) {
    c.use_certificate_chain_file(from.certificate, failed);
    must(failed, "backplane.tls.certificate", from.certificate);
    c.use_private_key_file(from.key, asio::ssl::context::pem, failed);
    must(failed, "backplane.tls.key", from.key);
  }
  return made;
}

namespace {

struct free_command {
  void operator()(char* text) const { redisFreeCommand(text); }
};
/// What hiredis formatted, written from where it put it.
struct command {
  std::unique_ptr<char, free_command> text;
  std::size_t size = 0;
};

struct free_reader {
  void operator()(redisReader* r) const { redisReaderFree(r); }
};

constexpr std::size_t read_size = 65'536;
constexpr std::size_t commands_a_write = 64;

} // namespace

struct link::io {
  using clock = link::clock;
  io(runtime::loop& loop, target to) :
      home(loop),
      goal(std::move(to)),
      socket(loop.context()),
      resolver(loop.context()),
      reader(redisReaderCreate()) {}

  runtime::loop& home;
  target goal;
  tcp::socket socket;
  tcp::resolver resolver;
  std::unique_ptr<asio::ssl::stream<tcp::socket&>> tls;
  std::unique_ptr<redisReader, free_reader> reader;
  std::function<void()> opened;
  std::function<void(const std::string&)> broken;
  bool closed = false, writing = false;
  clock::time_point heard{}; ///< when something came last
  struct waiting {
    on_reply then;
    clock::time_point since;
  };
  std::deque<waiting> answers;
  std::vector<command> to_write, under_way;
  std::array<char, read_size> input;

  void fail(const std::string& why) {
    if (closed) return;
    auto tell = std::move(broken);
    shut();
    if (tell) tell(why);
  }
  void shut() {
    closed = true;
    error_code ignored;
    resolver.cancel();
    socket.close(ignored);
    answers.clear();
    opened = nullptr;
    broken = nullptr;
  }

  template <class F>
  void on_stream(F&& act) {
    if (tls)
      act(*tls);
    else
      act(socket);
  }

  void connect(std::shared_ptr<link> self, const std::vector<tcp::endpoint>& ends) {
    asio::async_connect(socket, ends, [this, self](const error_code& failed, const tcp::endpoint&) {
      if (closed) return;
      if (failed) return fail("connecting: " + failed.message());
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      if (goal.tls)
        handshake(self);
      else
        greet(self);
    });
  }

  void handshake(std::shared_ptr<link> self) {
    tls = std::make_unique<asio::ssl::stream<tcp::socket&>>(socket, goal.tls->context);
    const auto& name = goal.server_name.empty() ? goal.where.host : goal.server_name;
    SSL_set_tlsext_host_name(tls->native_handle(), name.c_str());
    tls->set_verify_callback(asio::ssl::host_name_verification(name));
    tls->async_handshake(asio::ssl::stream_base::client, [this, self](const error_code& failed) {
      if (closed) return;
      if (failed) return fail("TLS: " + failed.message());
      greet(self);
    });
  }

  void greet(const std::shared_ptr<link>& self) {
    read(self);
    if (!goal.login.password.empty()) {
      std::vector<std::string_view> words{"AUTH"};
      if (!goal.login.user.empty()) words.push_back(goal.login.user);
      words.push_back(goal.login.password);
      self->send(words, [this](const answer_ptr& a) {
        const reply r(a);
        if (r.is_error()) fail("AUTH: " + std::string(r.text()));
      });
    }
    if (goal.db != 0) {
      const auto db = std::to_string(goal.db);
      self->send({"SELECT", db}, [this](const answer_ptr& a) {
        const reply r(a);
        if (r.is_error()) fail("SELECT: " + std::string(r.text()));
      });
    }
    self->send({"PING"}, [this](const answer_ptr& a) {
      const reply r(a);
      if (r.is_error()) return fail("PING: " + std::string(r.text()));
      if (auto tell = std::exchange(opened, nullptr)) tell();
    });
  }

  void read(std::shared_ptr<link> self) {
    on_stream([&](auto& stream) {
      stream.async_read_some(asio::buffer(input), [this, self](const error_code& failed, std::size_t count) {
        if (closed) return;
        if (failed) return fail("reading: " + failed.message());
        heard = clock::now();
        if (redisReaderFeed(reader.get(), input.data(), count) != REDIS_OK) return fail("out of memory");
        take_answers();
        if (!closed) read(self);
      });
    });
  }

  void take_answers() {
    while (!closed) {
      void* raw = nullptr;
      if (redisReaderGetReply(reader.get(), &raw) != REDIS_OK)
        return fail(std::string("what came is no Redis protocol: ") + reader->errstr);
      if (!raw) return;
      const answer_ptr whole(static_cast<redisReply*>(raw), [](redisReply* r) { freeReplyObject(r); });
      if (answers.empty()) return fail("an answer that nobody asked for");
      auto then = std::move(answers.front().then);
      answers.pop_front();
      then(whole);
    }
  }

  void write(std::shared_ptr<link> self) {
    under_way.clear();
    if (to_write.size() <= commands_a_write) {
      under_way.swap(to_write);
    } else {
      const auto end = to_write.begin() + commands_a_write;
      under_way.assign(std::make_move_iterator(to_write.begin()), std::make_move_iterator(end));
      to_write.erase(to_write.begin(), end);
    }
    std::vector<asio::const_buffer> pieces;
    for (auto& each : under_way) pieces.emplace_back(each.text.get(), each.size);
    on_stream([&](auto& stream) {
      asio::async_write(stream, pieces, [this, self](const error_code& failed, std::size_t) {
        if (closed) return;
        if (failed) return fail("writing: " + failed.message());
        if (!to_write.empty()) return write(self);
        writing = false;
      });
    });
  }
};

link::link(runtime::loop& home, target to) : io_(std::make_unique<io>(home, std::move(to))) {}
link::~link() = default;

void link::open(std::function<void()> opened, std::function<void(const std::string&)> broken) {
  io_->opened = std::move(opened);
  io_->broken = std::move(broken);
  auto self = shared_from_this();
  error_code no_address;
  const auto fixed = asio::ip::make_address(io_->goal.where.host, no_address);
  if (!no_address) return io_->connect(self, {tcp::endpoint(fixed, io_->goal.where.port)});
  io_->resolver.async_resolve(io_->goal.where.host, std::to_string(io_->goal.where.port),
                              [self](const error_code& failed, const tcp::resolver::results_type& found) {
                                auto& i = *self->io_;
                                if (i.closed) return;
                                if (failed)
                                  return i.fail("looking up " + i.goal.where.host + ": " + failed.message());
                                std::vector<tcp::endpoint> ends;
                                for (const auto& each : found) ends.push_back(each.endpoint());
                                i.connect(self, ends);
                              });
}

void link::send(const std::vector<std::string_view>& words, on_reply then) {
  if (io_->closed) return;
  thread_local std::vector<const char*> starts;
  thread_local std::vector<std::size_t> sizes;
  starts.clear();
  sizes.clear();
  for (const auto& each : words) {
    starts.push_back(each.data());
    sizes.push_back(each.size());
  }
  char* text = nullptr;
  const int size = redisFormatCommandArgv(&text, static_cast<int>(words.size()), starts.data(), sizes.data());
  if (size < 0) return io_->fail("out of memory");
  io_->to_write.push_back({std::unique_ptr<char, free_command>(text), static_cast<std::size_t>(size)});
  io_->answers.push_back({std::move(then), clock::now()});
  if (std::exchange(io_->writing, true)) return;
  // What else is sent in this turn, for other partitions too, goes along.
  io_->home.defer([self = shared_from_this()] {
    if (!self->io_->closed) self->io_->write(self);
  });
}

void link::close() {
  if (!io_->closed) io_->shut();
}

std::optional<link::clock::time_point> link::waiting_since() const {
  if (io_->closed || io_->answers.empty()) return std::nullopt;
  return io_->answers.front().since;
}

std::optional<link::clock::time_point> link::silent_since() const {
  const auto since = waiting_since();
  return since ? std::optional(std::max(*since, io_->heard)) : std::nullopt;
}

const endpoint& link::where() const {
  return io_->goal.where;
}

} // namespace plexus::backplane::redis
