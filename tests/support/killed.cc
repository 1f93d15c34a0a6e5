#include "tests/support/killed.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lab/choice.h"
#include "lab/runner.h"
#include "lab/schedule.h"
#include "trace/codec.h"

namespace belfry::testing {
namespace {

std::vector<std::string> KillsOf(const lab::World& world, std::uint32_t cpu) {
  std::vector<std::string> kills;
  const std::string kill = absl::StrCat("kill ", cpu);
  lab::ForEachFault(world, {}, {.kills = 1},
                    [&](const lab::Choice& fault, lab::World&) {
                      const std::string name = NameOf(world, fault);
                      if (absl::StartsWith(name, kill)) kills.push_back(name);
                    });
  return kills;
}

}  // namespace

v1::Schedule WithKill(const v1::Schedule& schedule, int after,
                      std::uint32_t cpu, std::size_t which) {
  v1::Schedule killed = schedule;
  killed.clear_moves();
  killed.clear_violated();
  lab::World world =
      lab::StartOf(*trace::FromProto(schedule.profile()),
                   lab::ScopeOf(schedule.scope(), schedule.doorbells()));
  const auto make = [&](const std::string& move) {
    lab::Happenings happenings;
    if (!MoveByName(move, &world, &happenings).ok()) return;
    killed.add_moves(move);
  };
  for (int i = 0; i < after; ++i) make(schedule.moves(i));
  const std::vector<std::string> kills = KillsOf(world, cpu);
  make(kills[which % kills.size()]);
  for (int i = after; i < schedule.moves_size(); ++i) make(schedule.moves(i));
  for (auto moves = world.Enabled(); !moves.empty(); moves = world.Enabled()) {
    make(NameOf(world, moves.front()));
  }
  const auto played = lab::Play(killed);
  EXPECT_TRUE(played.ok()) << played.status();
  killed.set_verdict(std::string(played->hangs              ? lab::kHang
                                 : played->violated.empty() ? lab::kHolds
                                                            : lab::kViolated));
  killed.mutable_violated()->Assign(played->violated.begin(),
                                    played->violated.end());
  return killed;
}

}  // namespace belfry::testing
