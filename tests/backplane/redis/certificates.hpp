#pragma once
// A certificate authority and one certificate for redis.test, made for a test by the openssl command.

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace plexus::backplane::redis::testing {

class certificates {
public:
  certificates() {
    char name[] = "/tmp/plexus-certificates-XXXXXX";
    folder_ = ::mkdtemp(name);
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca -keyout "
        "ca.key "
        "-out ca.crt");
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=redis.test -addext "
        "subjectAltName=DNS:redis.test -keyout one.key -out one.csr");
    run("openssl x509 -req -in one.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy -out "
        "one.crt");
  }
  ~certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;

  [[nodiscard]] std::string ca() const { return folder_ + "/ca.crt"; }
  [[nodiscard]] std::string certificate() const { return folder_ + "/one.crt"; }
  [[nodiscard]] std::string key() const { return folder_ + "/one.key"; }

private:
  void run(const std::string& command) const {
    if (std::system(("cd " + folder_ + " && " + command + " >log 2>&1").c_str()) != 0)
      throw std::runtime_error("openssl: " + command);
  }
  std::string folder_;
};

} // namespace plexus::backplane::redis::testing
