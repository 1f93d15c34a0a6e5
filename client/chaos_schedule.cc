#include "client/chaos_schedule.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/duration.h"
#include "client/state_dir.h"
#include "lab/random.h"

namespace belfry::client {
namespace {

struct KindRule {
  ChaosKind kind;
  // Cards of it in the deck.
  int weight;
  absl::Duration shortest;
  absl::Duration longest;
};

// Pauses and cuts lie on both sides of the stop lease (300 ms).
constexpr KindRule kRules[] = {
    {ChaosKind::kKill, 3, absl::Milliseconds(1), absl::Seconds(1)},
    {ChaosKind::kKillCoordinator, 2, absl::Milliseconds(1), absl::Seconds(1)},
    {ChaosKind::kKillInStop, 4, absl::Milliseconds(200), absl::Seconds(2)},
    {ChaosKind::kPause, 8, absl::Milliseconds(10), absl::Seconds(2)},
    {ChaosKind::kPauseCoordinator, 3, absl::Milliseconds(10), absl::Seconds(1)},
    {ChaosKind::kPartition, 5, absl::Milliseconds(50), absl::Seconds(2)},
    {ChaosKind::kOneWay, 5, absl::Milliseconds(50), absl::Seconds(2)},
    {ChaosKind::kIsolate, 5, absl::Milliseconds(50), absl::Seconds(2)},
    {ChaosKind::kReset, 6, absl::Milliseconds(10), absl::Milliseconds(300)},
    {ChaosKind::kLoss, 6, absl::Milliseconds(100), absl::Seconds(2)},
    {ChaosKind::kDelay, 6, absl::Milliseconds(100), absl::Seconds(2)},
    {ChaosKind::kDuplicate, 6, absl::Milliseconds(100), absl::Seconds(2)},
    {ChaosKind::kReorder, 6, absl::Milliseconds(100), absl::Seconds(2)},
};
static_assert(std::size(kRules) == kChaosNames.size());

const KindRule& RuleOf(ChaosKind kind) {
  return kRules[static_cast<std::size_t>(kind)];
}

class Drawer {
 public:
  explicit Drawer(const ChaosPlan& plan) : plan_(plan), random_(plan.seed) {}

  std::vector<ChaosFault> Draw() {
    std::vector<ChaosFault> faults;
    for (absl::Duration start = Gap(); start < plan_.duration; start += Gap()) {
      faults.push_back(DrawOne(start));
    }
    return faults;
  }

 private:
  // From 0 up to 1.
  double Unit() { return static_cast<double>(random_.Next() >> 11) * 0x1p-53; }

  // As of events that know nothing of each other.
  absl::Duration Gap() { return plan_.interval * -std::log(1 - Unit()); }

  // As often short as long, whatever the scale.
  absl::Duration Between(absl::Duration low, absl::Duration high) {
    return absl::Trunc(low * std::pow(absl::FDivDuration(high, low), Unit()),
                       absl::Microseconds(1));
  }

  // From a shuffled deck: no kind stays away for long.
  ChaosKind NextKind() {
    if (deck_.empty()) {
      for (const ChaosKind kind : plan_.kinds) {
        deck_.insert(deck_.end(), static_cast<std::size_t>(RuleOf(kind).weight),
                     kind);
      }
      for (std::size_t i = deck_.size(); i > 1; --i) {
        std::swap(deck_[i - 1], deck_[random_.Below(i)]);
      }
    }
    const ChaosKind kind = deck_.back();
    deck_.pop_back();
    return kind;
  }

  ChaosFault DrawOne(absl::Duration start) {
    ChaosFault fault;
    fault.kind = NextKind();
    fault.start = absl::Trunc(start, absl::Microseconds(1));
    const KindRule& rule = RuleOf(fault.kind);
    const absl::Duration rest =
        absl::Floor(fault.start, plan_.episode) + plan_.episode;
    fault.duration = std::min(Between(rule.shortest, rule.longest),
                              std::min(rest, plan_.duration) - fault.start);
    DrawVictims(&fault);
    DrawStrength(&fault);
    return fault;
  }

  void DrawVictims(ChaosFault* fault) {
    const ChaosHost coordinator = plan_.cpus;
    switch (fault->kind) {
      case ChaosKind::kKill:
        fault->side = {Mortal()};
        return;
      case ChaosKind::kKillCoordinator:
      case ChaosKind::kPauseCoordinator:
        fault->side = {coordinator};
        return;
      case ChaosKind::kKillInStop:
        fault->side = {random_.Chance(1, 4) ? coordinator : Mortal()};
        return;
      case ChaosKind::kPause:
        fault->side = {AnyOf(plan_.cpus)};
        return;
      case ChaosKind::kIsolate:
        return Split({AnyOf(plan_.cpus)}, fault);
      default:
        if (random_.Chance(1, 2)) return Split({AnyOf(plan_.cpus + 1)}, fault);
        return Split(SomeHosts(), fault);
    }
  }

  void DrawStrength(ChaosFault* fault) {
    switch (fault->kind) {
      case ChaosKind::kLoss:
        fault->percent = static_cast<std::uint32_t>(random_.Between(2, 40));
        return;
      case ChaosKind::kDelay:
        fault->percent = 100;
        fault->delay = Between(absl::Milliseconds(1), absl::Milliseconds(80));
        return;
      case ChaosKind::kDuplicate:
        fault->percent = static_cast<std::uint32_t>(random_.Between(10, 60));
        return;
      case ChaosKind::kReorder:
        fault->percent = static_cast<std::uint32_t>(random_.Between(10, 50));
        fault->delay = Between(absl::Microseconds(200), absl::Milliseconds(20));
        return;
      default:
        return;
    }
  }

  ChaosHost AnyOf(std::uint32_t count) {
    return static_cast<ChaosHost>(random_.Below(count));
  }
  ChaosHost Mortal() { return AnyOf(plan_.cpus - 1); }

  // Neither none nor all.
  std::vector<ChaosHost> SomeHosts() {
    const std::uint32_t hosts = plan_.cpus + 1;
    std::vector<ChaosHost> some;
    while (some.empty() || some.size() == hosts) {
      some.clear();
      for (ChaosHost host = 0; host < hosts; ++host) {
        if (random_.Chance(1, 2)) some.push_back(host);
      }
    }
    return some;
  }

  void Split(std::vector<ChaosHost> side, ChaosFault* fault) {
    for (ChaosHost host = 0; host <= plan_.cpus; ++host) {
      if (!std::binary_search(side.begin(), side.end(), host)) {
        fault->others.push_back(host);
      }
    }
    fault->side = std::move(side);
  }

  const ChaosPlan& plan_;
  lab::Random random_;
  std::vector<ChaosKind> deck_;
};

}  // namespace

absl::string_view NameOf(ChaosKind kind) {
  return kChaosNames[static_cast<std::size_t>(kind)];
}

std::optional<ChaosKind> ParseChaosKind(absl::string_view name) {
  const auto found = std::find(kChaosNames.begin(), kChaosNames.end(), name);
  if (found == kChaosNames.end()) return std::nullopt;
  return static_cast<ChaosKind>(found - kChaosNames.begin());
}

bool IsOfNetwork(ChaosKind kind) { return kind >= ChaosKind::kPartition; }

std::vector<ChaosFault> DrawChaos(const ChaosPlan& plan) {
  return Drawer(plan).Draw();
}

std::string ChaosHostName(ChaosHost host, std::uint32_t cpus) {
  return host < cpus ? CpuName(host) : std::string(kCoordinatorName);
}

std::string TextOf(const ChaosFault& fault, std::uint32_t cpus) {
  const std::string who =
      absl::StrJoin(fault.side, ",", [cpus](std::string* out, ChaosHost host) {
        absl::StrAppend(out, ChaosHostName(host, cpus));
      });
  const std::string share = absl::StrCat(fault.percent, " %");
  switch (fault.kind) {
    case ChaosKind::kKill:
    case ChaosKind::kKillCoordinator:
      return absl::StrCat("kill ", who);
    case ChaosKind::kKillInStop:
      return absl::StrCat("kill ", who, " in a stop_machine");
    case ChaosKind::kPause:
    case ChaosKind::kPauseCoordinator:
      return absl::StrCat("pause ", who);
    case ChaosKind::kPartition:
    case ChaosKind::kIsolate:
      return absl::StrCat("cut ", who, " off");
    case ChaosKind::kOneWay:
      return absl::StrCat("nothing comes from ", who);
    case ChaosKind::kReset:
      return absl::StrCat("reset connections of ", who);
    case ChaosKind::kLoss:
      return absl::StrCat("lose ", share, " to and from ", who);
    case ChaosKind::kDelay:
      return absl::StrCat("delay by ", DurationText(fault.delay),
                          " to and from ", who);
    case ChaosKind::kDuplicate:
      return absl::StrCat("duplicate ", share, " to and from ", who);
    case ChaosKind::kReorder:
      return absl::StrCat("hold ", share, " back by ",
                          DurationText(fault.delay), " to and from ", who);
  }
  return "";
}

}  // namespace belfry::client
