// Holding a process at a named point of the protocol, as scenarios do.
#ifndef BELFRY_TESTS_E2E_SUPPORT_GATES_H_
#define BELFRY_TESTS_E2E_SUPPORT_GATES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "belfry/v1/debug.grpc.pb.h"

namespace belfry::e2e {

// The gates of one process, which was started with --gates.
class Gates {
 public:
  explicit Gates(const std::string& address);

  void Hold(const std::string& gate);
  void Release(const std::string& gate);
  // Waits until an event stands at the gate; fails the test when none comes.
  void Await(const std::string& gate);
  // Events that stand at it now.
  std::uint32_t Waiting(const std::string& gate);

 private:
  std::unique_ptr<v1::DebugService::Stub> stub_;
  // What the process itself calls the gates that we have held.
  std::map<std::string, std::string> names_;
};

}  // namespace belfry::e2e

#endif  // BELFRY_TESTS_E2E_SUPPORT_GATES_H_
