#include "lab/stop_search.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "lab/fingerprint.h"
#include "lab/stop_memo.h"

namespace belfry::lab {

StopSearch SearchStops(const StopScope& scope, const StopSearchOptions& how) {
  struct Node {
    std::size_t parent = 0;
    StopWorld::Move move;
    std::uint32_t depth = 0;
  };
  StopMemo memo;
  StopSearch result;
  const StopWorld start(scope, memo);
  absl::flat_hash_set<Digest> seen = {start.fingerprint()};
  std::vector<Node> nodes = {{}};
  std::deque<std::pair<std::size_t, StopWorld>> frontier = {{0, start}};
  const auto tell = [&](std::size_t last, kernel::Violations violations) {
    std::vector<StopWorld::Move> moves;
    for (std::size_t n = last; n != 0; n = nodes[n].parent) {
      moves.push_back(nodes[n].move);
    }
    StopWorld world = start;
    for (auto move = moves.rbegin(); move != moves.rend(); ++move) {
      result.way.push_back(world.TextOf(*move));
      world.Apply(*move, memo);
    }
    result.violations = std::move(violations);
  };
  while (!frontier.empty() && nodes.size() < how.states) {
    const bool newest = how.depth_first;
    const auto [number, world] =
        std::move(newest ? frontier.back() : frontier.front());
    newest ? frontier.pop_back() : frontier.pop_front();
    ++result.states;
    result.depth = nodes[number].depth;
    if (how.rest_sample > 0 && world.fingerprint().low % how.rest_sample == 0 &&
        !world.ComesToRest(memo)) {
      tell(number,
           {{kernel::Invariant::kEveryWaitEnds, {}, "it never comes to rest"}});
      return result;
    }
    std::vector<StopWorld::Move> moves = world.Moves();
    // Depth first, faults come last.
    if (how.depth_first) std::reverse(moves.begin(), moves.end());
    for (StopWorld::Move move : moves) {
      StopWorld next = world;
      next.Apply(move, memo);
      ++result.transitions;
      if (!seen.insert(next.fingerprint()).second) continue;
      nodes.push_back({number, move, nodes[number].depth + 1});
      if (!next.violations().empty()) {
        tell(nodes.size() - 1, next.violations());
        return result;
      }
      frontier.emplace_back(nodes.size() - 1, std::move(next));
    }
  }
  result.exhausted = frontier.empty();
  return result;
}

}  // namespace belfry::lab
