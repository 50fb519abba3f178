#include "actors/runtime/control_group.hpp"
#include "actors/runtime/machine.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <fstream>

using namespace plexus::runtime;
namespace fs = std::filesystem;

namespace {

/// A folder that stands for "/", gone at the end.
class tree {
public:
  tree() {
    std::string name = (fs::temp_directory_path() / "plexus_machine_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root_ = name;
  }
  ~tree() { fs::remove_all(root_); }
  tree(const tree&) = delete;
  tree& operator=(const tree&) = delete;

  void file(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  [[nodiscard]] const fs::path& root() const { return root_; }

private:
  fs::path root_;
};

const std::string mount_2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

constexpr std::size_t megabyte = 1U << 20;

} // namespace

TEST_CASE("a container with control groups of version 2 sees its limits at the mount's top") {
  tree t;
  t.file("proc/self/cgroup", "0::/\n");
  t.file("proc/self/mountinfo", mount_2);
  t.file("sys/fs/cgroup/cpu.max", "25000 100000\n");
  t.file("sys/fs/cgroup/memory.max", "536870912\n");
  auto got = read_control_group(t.root());
  CHECK(got.cpu_quota == doctest::Approx(0.25));
  CHECK(got.memory_limit == 512 * megabyte);
}

TEST_CASE("the smallest limit on the way up counts") {
  tree t;
  t.file("proc/self/cgroup", "0::/system.slice/plexus.service\n");
  t.file("proc/self/mountinfo", "21 20 0:20 / /proc rw - proc proc rw\n" + mount_2);
  t.file("sys/fs/cgroup/system.slice/plexus.service/cpu.max", "max 100000\n");
  t.file("sys/fs/cgroup/system.slice/plexus.service/memory.max", "1073741824\n");
  t.file("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n");
  t.file("sys/fs/cgroup/system.slice/memory.max", "268435456\n");
  auto got = read_control_group(t.root());
  CHECK(got.cpu_quota == doctest::Approx(1.5));
  CHECK(got.memory_limit == 256 * megabyte);
}

TEST_CASE("no limit is none") {
  tree t;
  CHECK_FALSE(read_control_group(t.root()).cpu_quota); // no /proc at all
  t.file("proc/self/cgroup", "0::/\n");
  t.file("proc/self/mountinfo", mount_2);
  t.file("sys/fs/cgroup/cpu.max", "max 100000\n");
  t.file("sys/fs/cgroup/memory.max", "max\n");
  auto got = read_control_group(t.root());
  CHECK_FALSE(got.cpu_quota);
  CHECK_FALSE(got.memory_limit);
}

TEST_CASE("control groups of version 1, each controller on its own mount") {
  tree t;
  t.file("proc/self/cgroup", "12:devices:/\n4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n");
  // As a container sees it: its own part, under the name that the group has outside.
  t.file("proc/self/mountinfo",
         "40 30 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
         "41 30 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n" +
             mount_2);
  t.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  t.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
  t.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  auto got = read_control_group(t.root());
  CHECK(got.cpu_quota == doctest::Approx(1.5));
  CHECK(got.memory_limit == 512 * megabyte);
}

TEST_CASE("version 1 says without a limit with -1 and a huge number") {
  tree t;
  t.file("proc/self/cgroup", "4:memory:/here\n1:cpu:/here\n");
  t.file("proc/self/mountinfo", "40 30 0:30 / /cg/memory rw - cgroup cgroup rw,memory\n"
                                "41 30 0:31 / /cg/cpu rw - cgroup cgroup rw,cpu\n");
  t.file("cg/memory/here/memory.limit_in_bytes", "9223372036854771712\n");
  t.file("cg/cpu/here/cpu.cfs_quota_us", "-1\n");
  t.file("cg/cpu/here/cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(read_control_group(t.root()).cpu_quota);
  CHECK_FALSE(read_control_group(t.root()).memory_limit);
  t.file("cg/memory/memory.limit_in_bytes", "1048576\n");
  CHECK(read_control_group(t.root()).memory_limit == megabyte);
}

TEST_CASE("lines that aren't as they should be are no limit") {
  tree t;
  t.file("proc/self/cgroup", "\nnonsense\n0::/\n");
  t.file("proc/self/mountinfo", "short\n1 2 3 - \n" + mount_2);
  t.file("sys/fs/cgroup/cpu.max", "much 0\n");
  t.file("sys/fs/cgroup/memory.max", "-5\n");
  CHECK_FALSE(read_control_group(t.root()).cpu_quota);
  CHECK_FALSE(read_control_group(t.root()).memory_limit);
}

TEST_CASE("loops: the cores, or what the quota is worth, rounded up") {
  machine m;
  m.cores = 8;
  CHECK(default_loops(m) == 8);
  m.cpu_quota = 0.25;
  CHECK(default_loops(m) == 1);
  m.cpu_quota = 1.5;
  CHECK(default_loops(m) == 2);
  m.cpu_quota = 2;
  CHECK(default_loops(m) == 2);
  m.cpu_quota = 64;
  CHECK(default_loops(m) == 8);
}

TEST_CASE("clients and queues that fit") {
  machine m;
  m.open_files = 20'000;
  CHECK(default_max_clients(m, false) == 19'800);
  CHECK(default_queue_memory(m) == 0);
  m.memory_limit = 128 * megabyte;
  CHECK(default_max_clients(m, false) == 3413);
  CHECK(default_max_clients(m, true) == 1280);
  CHECK(default_queue_memory(m) == 32 * megabyte);
  m.memory_limit = 64 * megabyte;
  CHECK(default_max_clients(m, false) == 1365);
  m.memory_limit = 512 * megabyte;
  CHECK(default_max_clients(m, false) == 19'797);
  m.memory_limit = 64'000 * megabyte; // then the files are what holds
  CHECK(default_max_clients(m, false) == 19'800);
  m.memory_limit = 1;
  CHECK(default_max_clients(m, false) == 1);
  m.open_files = 100;
  CHECK(clients_by_files(m) == 50);
}

TEST_CASE("advice names what is in the way and what to set") {
  machine m;
  m.open_files = 1'048'576;
  m.somaxconn = 4096;
  m.port_range = std::pair(32'768U, 60'999U);
  plan p{.max_clients = 100'000, .backlog = 4096};
  CHECK(advise(m, p).empty());

  m.somaxconn = 128;
  m.conntrack_max = 65'536;
  p.proxy_beside = true;
  auto said = advise(m, p);
  REQUIRE(said.size() == 3);
  CHECK(said[0].what == "at most 128 connects can wait to be accepted, the node asks for 4096");
  CHECK(said[0].set == "sysctl net.core.somaxconn=4096");
  CHECK(said[1].what.find("28232 ports") != std::string::npos);
  CHECK(said[1].set.find("net.ipv4.ip_local_port_range=\"1024 65535\"") != std::string::npos);
  CHECK(said[2].set == "sysctl net.netfilter.nf_conntrack_max=200000");
}

TEST_CASE("advice about open files and memory") {
  machine m;
  m.open_files = 1024;
  plan p{.max_clients = 824, .backlog = 4096};
  REQUIRE(advise(m, p).size() == 1);
  CHECK(advise(m, p)[0].what == "1024 open files allow only 824 clients");
  p.configured_clients = 500;
  p.max_clients = 500;
  CHECK(advise(m, p).empty());
  p.configured_clients = 5000;
  p.max_clients = 824;
  REQUIRE(advise(m, p).size() == 1);
  CHECK(advise(m, p)[0].set.ends_with("nofile= to 5200"));
  m.open_files = 10'000;
  m.memory_limit = 64 * megabyte;
  p.max_clients = 5000;
  REQUIRE(advise(m, p).size() == 1);
  CHECK(advise(m, p)[0].what.find("memory limit of 67108864 bytes") != std::string::npos);
}
