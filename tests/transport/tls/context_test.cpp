#include "tests/transport/tls/peer.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <fstream>

using namespace plexus::transport::tls;
using namespace plexus::transport::tls::testing;

namespace {

std::string fault_of(const std::string& certificate, const std::string& key) {
  auto got = load_context(certificate, key);
  CHECK(!got.made);
  return got.what.key + ": found " + got.what.found + ", expected " + got.what.expected;
}

} // namespace

TEST_CASE("a certificate and its key, as text or from files") {
  auto pem = make_pem();
  auto text = load_context(pem.certificate, pem.key);
  REQUIRE(text.made);
  CHECK(text.made->not_after() > std::time(nullptr) + 3500);
  CHECK(text.made->not_after() < std::time(nullptr) + 3700);
  char name[] = "/tmp/plexus_tls_XXXXXX";
  auto descriptor = ::mkstemp(name);
  REQUIRE(descriptor >= 0);
  ::close(descriptor);
  std::ofstream(name) << pem.key << pem.certificate; // both in one file, as some tools write them
  auto file = load_context(name, name);
  REQUIRE(file.made);
  CHECK(file.made->fingerprint() != text.made->fingerprint());
  CHECK(load_context(name, name).made->fingerprint() == file.made->fingerprint());
  ::unlink(name);
}

TEST_CASE("the chain goes with it") {
  auto pem = make_pem(), issuer = make_pem();
  auto got = load_context(pem.certificate + issuer.certificate, pem.key);
  REQUIRE(got.made);
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(got.made->native(), &chain);
  CHECK(sk_X509_num(chain) == 1);
}

TEST_CASE("what can't be used is told, and never the key itself") {
  auto pem = make_pem(), other = make_pem(), locked = make_pem("open sesame");
  CHECK(fault_of("/nowhere/certificate.pem", pem.key) ==
        "listen.tls.certificate: found \"/nowhere/certificate.pem\", expected a file that can be read");
  CHECK(fault_of(pem.certificate, "/nowhere/key.pem") ==
        "listen.tls.key: found a file that cannot be read, expected a file that can be read");
  CHECK(fault_of("/tmp", pem.key).starts_with("listen.tls.certificate: found \"/tmp\""));
  CHECK(fault_of(pem.key, pem.key).starts_with("listen.tls.certificate: found no certificate in it"));
  CHECK(fault_of("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", pem.key)
            .starts_with("listen.tls.certificate: found no certificate in it"));
  CHECK(fault_of(pem.certificate + "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", pem.key)
            .starts_with("listen.tls.certificate: found a broken certificate in its chain"));
  CHECK(fault_of(pem.certificate, pem.certificate).starts_with("listen.tls.key: found no private key in it"));
  CHECK(fault_of(pem.certificate, other.key) ==
        "listen.tls.key: found another key, expected the private key of listen.tls.certificate");
  // Nobody is asked for the passphrase.
  CHECK(fault_of(locked.certificate, locked.key) ==
        "listen.tls.key: found no private key in it that can be read, expected PEM, without a passphrase");
}
