#include "config/load.hpp"

#include "config/check.hpp"
#include "config/parse.hpp"
#include "config/paths.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace plexus::config {
namespace {

constexpr std::string_view file_suffix = "_file";

/// One line, whatever stands in it: names of keys come from outside.
std::string printable(const std::string& text) {
  std::string shown;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)
      shown += c;
    else
      shown += "?";
  }
  return shown;
}

class loader {
public:
  explicit loader(const sources& from) : from_(from) {}

  loaded run() {
    if (from_.file) read_document(*from_.file);
    read_environment();
    next_layer();
    for (const auto& assignment : from_.set) read_set(assignment);
    finish_namespaces();
    auto more = contradictions(out_, refused_);
    std::ranges::move(more, std::back_inserter(out_.faults));
    return std::move(out_);
  }

private:
  void read_document(const document& file) {
    auto parsed = parse_document(file);
    std::ranges::move(parsed.faults, std::back_inserter(out_.faults));
    if (parsed.root) assign({}, *parsed.root, file.name);
    next_layer();
  }

  void read_environment() {
    struct variable {
      levels path;
      std::string_view name, value;
    };
    std::vector<variable> settings_of_it;
    std::vector<std::string_view> ignored;
    for (const std::string_view line : from_.environment) {
      const auto equals = line.find('=');
      if (!line.starts_with("PLEXUS_") || equals == std::string_view::npos) continue;
      const auto name = line.substr(0, equals);
      std::string path{name.substr(std::string_view{"PLEXUS_"}.size())};
      for (auto& c : path)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      if (path == "config") continue; // the command line's
      if (name.find("__") != std::string_view::npos || path == "demo" || path == "plugins")
        settings_of_it.push_back({split(path, "__"), name, line.substr(equals + 1)});
      else
        ignored.push_back(name);
    }
    // The order of an environment is arbitrary: whole objects first, so that the narrower name wins.
    std::ranges::sort(settings_of_it, {}, [](const variable& v) { return std::pair{v.path.size(), v.name}; });
    for (auto& v : settings_of_it)
      assign_text(std::move(v.path), "__", std::string{v.value}, "environment " + std::string{v.name});
    if (ignored.empty()) return;
    std::ranges::sort(ignored);
    out_.notices.push_back("ignored, not settings of Plexus: " + join({ignored.begin(), ignored.end()}, ", "));
  }

  void read_set(std::string_view assignment) {
    const auto equals = assignment.find('=');
    if (equals != std::string_view::npos) {
      assign_text(split(assignment.substr(0, equals), "."), ".", std::string{assignment.substr(equals + 1)},
                  "--set");
      return;
    }
    // Only what looks like a path is shown: the rest may be a secret with another sign before it.
    const auto end = assignment.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.");
    out_.faults.push_back({"--set", std::string{assignment.substr(0, end)}, "no \"=\"", "path.to.key=value"});
  }

  void assign_text(levels path, std::string_view separator, const std::string& text, const std::string& source) {
    auto value = json::parse(text, nullptr, false);
    if (in_namespaces(path) && path.size() > 3) {
      // A namespace's name may contain the separator: what is before the option is the name.
      levels folded{path[0], path[1], join({path.begin() + 2, path.end() - 1}, separator), path.back()};
      if (!locate(folded).known() && value.is_object())
        folded = {path[0], path[1], join({path.begin() + 2, path.end()}, separator)};
      path = std::move(folded);
    }
    const auto where = locate(path);
    if (where.from_file || (where.section && value.is_discarded()))
      value = text;
    else if (where.a_key)
      value = from_text(where.a_key->text, text);
    else if (where.an_option)
      value = from_text(where.an_option->text, text);
    assign(path, value, source);
  }

  void assign(const levels& path, const json& value, const std::string& source) {
    const auto where = locate(path);
    if (!where.known()) return refuse(source, join(path), "an unknown key", advice(path));
    if (where.a_key) {
      const auto content = content_of(*where.a_key, where.a_key->path, where.from_file, value, source);
      if (content) store(*where.a_key, where.a_key->path, out_.values, where.from_file, *content, source);
    } else if (where.an_option) {
      if (!declare_namespace(path[2], source)) return;
      const auto plain = join({path[0], path[1], path[2], where.an_option->path});
      auto content = content_of(*where.an_option, plain, where.from_file, value, source);
      if (content)
        options_.push_back({path[2], plain, where.an_option, where.from_file, std::move(*content), source});
    } else {
      assign_section(path, value, source);
    }
  }

  void assign_section(const levels& path, const json& value, const std::string& source) {
    // Of what stands in a section's place only the type is shown: it may be the section's secret.
    if (!value.is_object()) return refuse(source, join(path), describe(value, true), "an object");
    if (in_namespaces(path) && !declare_namespace(path[2], source)) return;
    for (const auto& [name, child] : value.items()) {
      auto below = path;
      below.push_back(name);
      assign(below, child, source);
    }
  }

  /// The JSON value that a key is given, directly or through a file. Nothing where there is none to be stored.
  template <class Owner>
  std::optional<json> content_of(const field<Owner>& f, const std::string& path, bool from_file, const json& value,
                                 const std::string& source) {
    const bool is_empty = value == "";
    if (!is_empty && !(from_file ? by_file_ : direct_).contains(path)) {
      (from_file ? by_file_ : direct_).insert(path);
      if ((from_file ? direct_ : by_file_).contains(path)) {
        refuse(source, path, "it beside \"" + path + "_file\"", "one of them");
        return std::nullopt;
      }
    }
    if (!from_file) return value;
    const auto file_key = path + std::string{file_suffix};
    if (!value.is_string()) {
      refuse(source, file_key, describe(value, true), "the path of a file");
      refused_.insert(path);
    }
    if (!value.is_string() || is_empty) return std::nullopt;
    auto content = from_.read(value.get<std::string>());
    if (!content) {
      refuse(source, file_key, describe(value, false), "a file that can be read");
      refused_.insert(path);
      return std::nullopt;
    }
    if (content->ends_with("\r\n"))
      content->resize(content->size() - 2);
    else if (content->ends_with('\n'))
      content->pop_back();
    return from_text(f.text, *content);
  }

  template <class Owner>
  bool store(const field<Owner>& f, const std::string& path, Owner& to, bool from_file, const json& value,
             const std::string& source) {
    out_.where[path] = source;
    if (f.read(value, to)) return true;
    // A file's content may be anything, so it is treated as a secret.
    refuse(source, from_file ? path + std::string{file_suffix} : path, describe(value, f.secret || from_file),
           f.expected);
    refused_.insert(path);
    return false;
  }

  bool declare_namespace(const std::string& name, const std::string& source) {
    const auto bad = [](char c) { return c == ':' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (!name.empty() && std::ranges::none_of(name, bad)) return namespaces_.insert(name), true;
    if (bad_names_.insert(name).second)
      refuse(source, "channels.namespaces", "the name " + describe(name, false),
             "a name that is not empty and has no \":\" and no control characters");
    return false;
  }

  /// Last, because a namespace starts from what `channels.default` has become after all sources.
  void finish_namespaces() {
    for (const auto& name : namespaces_) out_.values.namespaces.emplace(name, out_.values.default_channel);
    for (const auto& o : options_)
      store(*o.an_option, o.path, out_.values.namespaces.at(o.name), o.from_file, o.value, o.source);
  }

  void refuse(const std::string& source, const std::string& path, std::string found, std::string expected) {
    refused_.insert(path);
    out_.faults.push_back({source, path, std::move(found), std::move(expected)});
  }

  /// The keys that one source gives both directly and by `_file` are ambiguous; over two sources the later wins.
  void next_layer() {
    direct_.clear();
    by_file_.clear();
  }

  struct namespace_option {
    std::string name, path;
    const option* an_option;
    bool from_file;
    json value;
    std::string source;
  };

  const sources& from_;
  loaded out_;
  std::vector<namespace_option> options_;
  std::set<std::string> namespaces_, bad_names_;
  std::set<std::string> direct_, by_file_;
  std::set<std::string, std::less<>> refused_;
};

} // namespace

std::string to_string(const fault& what) {
  std::string line;
  for (const auto& part : {what.source, what.key})
    if (!part.empty()) line += printable(part) + ": ";
  return line + "found " + what.found + ", expected " + what.expected;
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return std::nullopt;
  std::string content;
  std::array<char, 4096> buffer;
  do {
    in.read(buffer.data(), buffer.size());
    content.append(buffer.data(), static_cast<std::size_t>(in.gcount()));
  } while (in);
  // A directory opens like a file and only fails when it is read.
  if (in.bad()) return std::nullopt;
  return content;
}

loaded load(const sources& from) {
  return loader{from}.run();
}

} // namespace plexus::config
