#include "lab/stop_world.h"
#include <cstdlib>
#include <iostream>
#include "gtest/gtest.h"
namespace belfry::lab {
namespace {
using namespace kernel;
TEST(T, T) {
  StopScope scope{.profile = *PresetByName("belfry")};
  const char* w = getenv("W");
  if (w) { ASSERT_TRUE(SetKnob(&scope.profile, "lease_without", w).ok()); }
  auto num = [](const char* n, int d) { return getenv(n) ? atoi(getenv(n)) : d; };
  scope.cpus = num("N", 3);
  scope.pauses = num("P", 1);
  scope.leases = num("L", 1);
  scope.ticks = num("T", 0);
  scope.takeovers = num("O", 0);
  scope.calls = num("C", 0); scope.settled = num("S", 0);
  const std::string ops = getenv("OPS") ? getenv("OPS") : "s";
  std::uint32_t id = 100;
  for (char c : ops) {
    if (c == 's') scope.requests.push_back({.id = {++id}, .kind = OpKind::kStop, .active = {scope.cpus - 1}, .func = "nop"});
    if (c == 'd') scope.requests.push_back({.id = {++id}, .kind = OpKind::kOffline, .cpu = {scope.cpus - 1}});
  }
  StopSearch r = SearchStops(scope, {.states = (std::uint64_t)num("M", 3000000), .depth_first = num("D", 0) != 0, .rest_sample = (std::uint64_t)num("R", 0)});
  std::cout << r.states << " states " << r.transitions << " transitions depth " << r.depth << (r.exhausted ? " exhausted" : " cut") << "\n";
  for (auto& l : r.way) std::cout << "  " << l << "\n";
  for (auto& v : r.violations) std::cout << "VIOLATED " << InvariantName(v.invariant) << " " << v.what << "\n";
}
}
}
