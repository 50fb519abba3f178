#include "actors/admin/said.hpp"

#include "actors/admin/params.hpp"

#include <nlohmann/json.hpp>

namespace plexus::admin {

using protocol::error_code;

json clean_fault(const json& error) {
  const auto code = error.find("code");
  const auto message = error.find("message");
  json out = error_of(error_code::internal)["error"];
  if (code != error.end() && code->is_number_integer()) out["code"] = *code;
  if (message != error.end() && message->is_string())
    out["message"] = message->get_ref<const std::string&>().substr(0, max_reason);
  return out;
}

std::string outcome_of(const json& answer) {
  if (auto error = answer.find("error"); error != answer.end() && error->is_object())
    return clean_fault(*error)["message"];
  std::string out = "done";
  const auto result = answer.find("result");
  if (result == answer.end() || !result->is_object()) return out;
  if (auto silent = result->find("silent"); silent != result->end() && silent->is_array())
    for (std::size_t i = 0; i < silent->size(); ++i)
      if ((*silent)[i].is_string())
        out += (i == 0 ? ", no answer from " : ", ") + (*silent)[i].get_ref<const std::string&>();
  if (auto refused = result->find("refused"); refused != result->end() && refused->is_object())
    for (auto& [node, why] : refused->items())
      out += ", refused by " + node + ": " + clean_fault(why)["message"].get_ref<const std::string&>();
  return out.substr(0, max_reason);
}

std::string take_text(json& with, const char* name) {
  auto found = with.find(name);
  if (found == with.end() || found->is_null()) return {};
  if (!found->is_string() || found->get_ref<const std::string&>().size() > max_reason)
    throw refusal{error_code::bad_request, "\"" + std::string(name) + "\": expected a string of at most " +
                                               std::to_string(max_reason) + " bytes"};
  auto text = found->get<std::string>();
  with.erase(found);
  return text;
}

} // namespace plexus::admin
