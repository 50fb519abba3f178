#include "transport/api/every_node.hpp"

#include <utility>

namespace plexus::transport::api {

protocol::api_result nothing_to_say(const std::vector<cluster::reply>&) {
  return protocol::empty_result{};
}

void ask_every_node(cluster::cluster& nodes, std::string subject, std::string body, put_together make,
                    pending_ptr to) {
  nodes.ask_all(std::move(subject), std::move(body), node_answer_time,
                [make = std::move(make), to = std::move(to)](cluster::answers got) {
                  auto result = make(std::move(got.from));
                  if (got.silent.empty() && !got.unsure)
                    to->tell(std::move(result));
                  else
                    to->tell(protocol::api_partial{std::move(result), std::move(got.silent), got.unsure});
                });
}

} // namespace plexus::transport::api
