#pragma once
// The back end's HTTP API without the HTTP: bodies to requests, results to bodies. Pure, any thread. Which status
// goes with which fault is the transport's business.

#include "actors/protocol/errors.hpp"
#include "actors/protocol/padded_text.hpp"
#include "actors/protocol/reply.hpp"
#include "actors/protocol/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace plexus::protocol {

// ---- Requests. All own their bytes. Channels are not empty where a request has one; users may be.

/// What `publish` and `broadcast` have in common.
struct api_publication {
  std::string data;    ///< JSON text from `data`, or the bytes of `b64data`
  bool binary = false; ///< the bytes of `b64data` are no JSON
  std::string idempotency_key;
  tag_list tags;
  bool skip_history = false;
  bool delta = false;
};

struct publish_request {
  std::string channel;
  api_publication what;
};

/// There is at least one channel; an empty name among them is to be answered with 107 in its place.
struct broadcast_request {
  std::vector<std::string> channels;
  api_publication what;
};

/// Which of a user's connections are meant; all where `client` and `session` are empty.
struct api_target {
  std::string user;
  std::string client;
  std::string session;
};

struct subscribe_request {
  api_target who;
  std::string channel;
  std::string info; ///< JSON text or empty: the member's `chan_info`
  std::string data; ///< JSON text or empty: for the subscribe push
  std::optional<position> recover_since;
  std::int64_t expire_at = 0; ///< Unix seconds; 0: never
};

struct unsubscribe_request {
  api_target who;
  std::string channel;
};

struct disconnect_request {
  api_target who;
  std::vector<std::string> whitelist; ///< client ids to be left alone
  std::uint16_t code = static_cast<std::uint16_t>(disconnect_code::force_no_reconnect); ///< 3000 to 4999
  std::string reason; ///< empty: the code's standard one
};

struct refresh_request {
  api_target who;
  bool expired = false;       ///< close with 3005
  std::int64_t expire_at = 0; ///< Unix seconds; 0: never
};

struct presence_request {
  std::string channel;
};

struct presence_stats_request {
  std::string channel;
};

struct history_request {
  std::string channel;
  std::int32_t limit = 0; ///< as in `history_command`
  std::optional<position> since;
  bool reverse = false;
};

struct history_remove_request {
  std::string channel;
};

struct channels_request {
  std::string pattern; ///< a glob; empty: all
};

struct info_request {};

/// Tokens of the user that were issued before a moment don't hold any more.
struct invalidate_user_tokens_request {
  std::string user;               ///< not empty
  std::int64_t issued_before = 0; ///< Unix seconds; 0: now
  std::int64_t expire_at = 0;     ///< when this is forgotten, Unix seconds; 0: never
};

struct revoke_token_request {
  std::string uid;            ///< the token's `jti`; not empty
  std::int64_t expire_at = 0; ///< as above
};

struct block_user_request {
  std::string user;           ///< not empty
  std::int64_t expire_at = 0; ///< as above
};

struct unblock_user_request {
  std::string user; ///< not empty
};

struct rpc_request {
  std::string method;
  std::string data; ///< JSON text without line breaks or empty; from `data` or else `params`
};

using api_command =
    std::variant<publish_request, broadcast_request, subscribe_request, unsubscribe_request, disconnect_request,
                 refresh_request, presence_request, presence_stats_request, history_request, history_remove_request,
                 channels_request, info_request, invalidate_user_tokens_request, revoke_token_request,
                 block_user_request, unblock_user_request, rpc_request>;

/// Why a request can't be carried out.
struct api_fault {
  enum class kind : std::uint8_t {
    unknown_method, ///< 404
    broken_json,    ///< 400: not JSON, not an object, or a known field of the wrong type
    error,          ///< an answer of its own, with `code`
  };
  kind what = kind::error;
  error_code code = error_code::bad_request;
  std::string message; ///< a sentence for the caller, may quote the request
};

/// A fault among the commands is always of the kind `error`; a batch has no batches in it.
struct batch_request {
  std::vector<std::variant<api_command, api_fault>> commands;
  bool parallel = false; ///< the order doesn't matter
};

using api_request = std::variant<api_command, batch_request>;

/// Reads the body of `POST /api/METHOD`; with an empty method that of `POST /api`, `{"method","params"}`.
std::variant<api_request, api_fault> decode_api(std::string_view method, const padded_text& body);

/// The name a command goes by, for example "publish".
std::string_view api_method(const api_command& what) noexcept;
/// All names, in the order of `api_command`, and "batch" behind them.
std::vector<std::string_view> api_methods();

// ---- Results.

struct empty_result {};

/// An offset of 0 and an empty epoch are left out.
struct publish_result {
  position at;
};

/// In the order of the request's channels.
struct broadcast_result {
  std::vector<std::variant<publish_result, error_code>> responses;
};

struct channels_result {
  std::vector<std::pair<std::string, std::uint64_t>> channels; ///< name and number of clients
};

struct node_info {
  std::string uid;
  std::string name;
  std::string version;
  std::uint64_t clients = 0;
  std::uint64_t users = 0;
  std::uint64_t channels = 0;
  std::uint64_t subscriptions = 0;
  std::uint64_t uptime = 0; ///< seconds
};

struct info_result {
  std::vector<node_info> nodes;
};

using api_result = std::variant<empty_result, publish_result, broadcast_result, presence_reply,
                                presence_stats_reply, history_reply, channels_result, info_result, rpc_reply>;

struct api_error {
  error_code code = error_code::internal;
  std::string message; ///< empty: the standard one
};

/// A result without those nodes that did not answer in time.
struct api_partial {
  api_result what;
  std::vector<std::string> silent; ///< their names
  bool unsure = false;             ///< which nodes there are could not be found out
};

using api_answer = std::variant<api_result, api_error, api_partial>;

struct batch_reply {
  std::string_view method; ///< of the command answered; not looked at for an error
  api_answer what;
};

// ---- Between nodes.

/// The request as a body that `decode_api` reads, for another node.
std::string encode_api_request(const subscribe_request& what);
std::string encode_api_request(const unsubscribe_request& what);
std::string encode_api_request(const disconnect_request& what);
std::string encode_api_request(const refresh_request& what);

std::string encode_node_info(const node_info& what);
/// Nothing for what isn't one.
std::optional<node_info> decode_node_info(std::string_view text);

/// Appends the object that stands under `result`.
void encode_api_result(std::string& out, const api_result& what);
/// Appends `{"code","message"}`.
void encode_api_error(std::string& out, const api_error& what);
/// Appends `{"result":...}` or `{"error":...}`; beside a partial result `silent`, a list, and `unsure` where it is.
void encode_api_answer(std::string& out, const api_answer& what);
/// Appends `{"replies":[...]}`, the whole answer to a batch.
void encode_api_batch(std::string& out, const std::vector<batch_reply>& replies);

} // namespace plexus::protocol
