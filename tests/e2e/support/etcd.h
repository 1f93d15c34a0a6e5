// A real etcd of several members, on loopback and in a folder of its own.
#ifndef BELFRY_TESTS_E2E_SUPPORT_ETCD_H_
#define BELFRY_TESTS_E2E_SUPPORT_ETCD_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/support/program.h"

// A test without etcd says what it misses, loudly, and checks nothing. Where
// tests/run.sh has installed the packages of deploy/packages.txt, none is.
#define BELFRY_NEEDS_ETCD()                                           \
  if (!::belfry::e2e::Etcd::IsInstalled())                            \
  GTEST_SKIP() << "NOT TESTED: etcd is missing: install the package " \
                  "etcd-server"

namespace belfry::e2e {

class Etcd {
 public:
  static bool IsInstalled();

  // Returns when they answer. Elections among them take about a second.
  explicit Etcd(int members = 1);

  // "127.0.0.1:2379,127.0.0.1:2380".
  std::string endpoints() const;
  std::vector<std::string> endpoint_list() const;

  // With SIGKILL; and again, on what it has left.
  void Kill(int member);
  void Start(int member);
  // Until there is a leader among them.
  void AwaitReady() const;

 private:
  struct Member {
    std::string name;
    std::string client;
    std::string peer;
    std::unique_ptr<Program> program;
  };

  TempDir dir_;
  std::vector<Member> members_;
};

}  // namespace belfry::e2e

#endif  // BELFRY_TESTS_E2E_SUPPORT_ETCD_H_
