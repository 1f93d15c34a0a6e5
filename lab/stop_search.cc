#include "lab/stop_search.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lab/fingerprint.h"
#include "lab/stop_memo.h"

namespace belfry::lab {

namespace {

// The states that lead on, by all but their mail.
class Seen {
 public:
  explicit Seen(bool reduce) : reduce_(reduce) {}

  // False: there is such a world already.
  bool Add(const StopWorld& world) {
    std::vector<Mail>& mails = worlds_[world.fingerprint()];
    const Mail& mail = world.mail();
    for (const Mail& other : mails) {
      if (Has(other, mail)) return false;
    }
    std::erase_if(mails, [&](const Mail& other) { return Has(mail, other); });
    mails.push_back(mail);
    return true;
  }
  std::size_t places() const { return worlds_.size(); }
  // None has come since in which more was sent.
  bool IsKept(const StopWorld& world) const {
    const std::vector<Mail>& mails = worlds_.at(world.fingerprint());
    return std::any_of(mails.begin(), mails.end(), [&](const Mail& mail) {
      return mail.fingerprint() == world.mail().fingerprint();
    });
  }

 private:
  using Mail = Shared<StopWorld::Mail>;

  // Nothing was sent that was not in the other as well.
  bool Has(const Mail& all, const Mail& some) const {
    if (!reduce_) return all.fingerprint() == some.fingerprint();
    const auto less = [](const auto& a, const auto& b) {
      return a.fingerprint() < b.fingerprint();
    };
    return std::includes(all->sent.begin(), all->sent.end(), some->sent.begin(),
                         some->sent.end(), less);
  }

  bool reduce_;
  absl::flat_hash_map<Digest, std::vector<Mail>> worlds_;
};

}  // namespace

StopSearch SearchStops(const StopScope& scope, const StopSearchOptions& how) {
  struct Node {
    std::size_t parent = 0;
    StopWorld::Move move;
    std::uint32_t depth = 0;
  };
  StopMemo memo;
  StopSearch result;
  const StopWorld start(scope, memo);
  Seen seen(how.reduce);
  seen.Add(start);
  std::vector<Node> nodes = {{}};
  std::deque<std::pair<std::size_t, StopWorld>> frontier = {{0, start}};
  const auto apply = [&](StopWorld::Move move, StopWorld& world) {
    world.Apply(move, memo);
    if (how.reduce) world.FindAnswers(memo);
  };
  const auto tell = [&](std::size_t last, kernel::Violations violations) {
    std::vector<StopWorld::Move> moves;
    for (std::size_t n = last; n != 0; n = nodes[n].parent) {
      moves.push_back(nodes[n].move);
    }
    StopWorld world = start;
    for (auto move = moves.rbegin(); move != moves.rend(); ++move) {
      result.way.push_back(world.TextOf(*move));
      apply(*move, world);
    }
    result.violations = std::move(violations);
  };
  while (!frontier.empty() && nodes.size() < how.states) {
    const bool newest = how.depth_first;
    const auto [number, world] =
        std::move(newest ? frontier.back() : frontier.front());
    newest ? frontier.pop_back() : frontier.pop_front();
    if (!seen.IsKept(world)) continue;
    ++result.states;
    result.depth = nodes[number].depth;
    std::vector<StopWorld::Move> moves = world.Moves();
    // Depth first, faults come last.
    if (how.depth_first) std::reverse(moves.begin(), moves.end());
    for (StopWorld::Move move : moves) {
      if (how.reduce && world.ChangesNothing(move, memo)) continue;
      StopWorld next = world;
      apply(move, next);
      ++result.transitions;
      kernel::Violations violations = next.violations();
      if (how.rest_sample > 0 && result.transitions % how.rest_sample == 0 &&
          violations.empty() && !next.ComesToRest(memo)) {
        violations = {
            {kernel::Invariant::kEveryWaitEnds, {}, "it never comes to rest"}};
      }
      if (violations.empty() && !seen.Add(next)) continue;
      nodes.push_back({number, move, nodes[number].depth + 1});
      if (!violations.empty()) {
        tell(nodes.size() - 1, std::move(violations));
        return result;
      }
      frontier.emplace_back(nodes.size() - 1, std::move(next));
    }
  }
  result.places = seen.places();
  result.exhausted = frontier.empty();
  return result;
}

}  // namespace belfry::lab
