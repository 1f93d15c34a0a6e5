#include "lab/schedule.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lab/happenings.h"
#include "lab/runner.h"
#include "lab/text_format.h"
#include "trace/codec.h"

namespace belfry::lab {
namespace {

constexpr std::uint32_t kScheduleVersion = 1;
// Beyond these an exploration has no hope to end, and the state's counters no
// room.
constexpr std::uint32_t kMaxScopeCpus = 8;
constexpr std::uint32_t kMaxScopeCalls = 8;
constexpr std::uint32_t kMaxScopeCycles = 8;
constexpr std::uint32_t kMaxScopeFaults = 8;

absl::Status CheckNumber(absl::string_view name, std::uint32_t value,
                         std::uint32_t low, std::uint32_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is ", value, "; ", low, " to ", high, " are possible"));
}

absl::Status CheckSchedule(const v1::Schedule& schedule) {
  if (schedule.version() != kScheduleVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("version is ", schedule.version(),
                     "; this program reads version ", kScheduleVersion));
  }
  if (schedule.doorbells() != kLateDoorbells &&
      schedule.doorbells() != kPromptDoorbells) {
    return absl::InvalidArgumentError(
        absl::StrCat("doorbells are \"", schedule.doorbells(), "\"; they are ",
                     kLateDoorbells, " or ", kPromptDoorbells));
  }
  if (schedule.moves().empty()) {
    return absl::InvalidArgumentError("it has no moves");
  }
  for (const absl::Status& status :
       {kernel::PresetByName(schedule.profile().name()).status(),
        trace::FromProto(schedule.profile()).status(),
        CheckScope(schedule.scope())}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

bool OnlyNewCallsLeft(const World& world) {
  const std::vector<Move> moves = world.Enabled();
  return std::all_of(moves.begin(), moves.end(),
                     [&](Move move) { return IsNewCall(world, move); });
}

}  // namespace

absl::Status CheckScope(const v1::ExploreScope& scope) {
  for (const absl::Status& status :
       {CheckNumber("cpus", scope.cpus(), 2, kMaxScopeCpus),
        CheckNumber("victim", scope.victim(), 0, scope.cpus() - 1),
        CheckNumber("async_calls", scope.async_calls(), 0, kMaxScopeCalls),
        CheckNumber("cycles", scope.cycles(), 1, kMaxScopeCycles),
        CheckNumber("drops", scope.drops(), 0, kMaxScopeFaults),
        CheckNumber("kills", scope.kills(), 0, kMaxScopeFaults)}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

Scope ScopeOf(const v1::ExploreScope& scope, absl::string_view doorbells) {
  return {.cpus = scope.cpus(),
          .victim = scope.victim(),
          .async_calls = scope.async_calls(),
          .cycles = scope.cycles(),
          .prompt_doorbells = doorbells == kPromptDoorbells,
          .drops = scope.drops(),
          .kills = scope.kills()};
}

v1::Schedule MakeSchedule(absl::string_view scenario,
                          const ExploreOptions& options,
                          const ExploreResult& result) {
  v1::Schedule schedule;
  schedule.set_version(kScheduleVersion);
  schedule.set_scenario(std::string(scenario));
  *schedule.mutable_profile() = trace::ToProto(options.profile);
  v1::ExploreScope& scope = *schedule.mutable_scope();
  scope.set_cpus(options.scope.cpus);
  scope.set_victim(options.scope.victim);
  scope.set_async_calls(options.scope.async_calls);
  scope.set_cycles(options.scope.cycles);
  scope.set_drops(options.scope.drops);
  scope.set_kills(options.scope.kills);
  schedule.set_doorbells(std::string(
      options.scope.prompt_doorbells ? kPromptDoorbells : kLateDoorbells));
  schedule.set_verdict(std::string(
      result.verdict == ExploreResult::Verdict::kHangs ? kHang : kViolated));
  if (result.point_of_no_return) {
    schedule.set_point_of_no_return(
        static_cast<std::uint32_t>(*result.point_of_no_return));
  }
  schedule.mutable_moves()->Assign(result.schedule.begin(),
                                   result.schedule.end());
  return schedule;
}

std::string FormatSchedule(const v1::Schedule& schedule) {
  return FormatText(schedule);
}

absl::StatusOr<v1::Schedule> ParseSchedule(absl::string_view text,
                                           absl::string_view file) {
  v1::Schedule schedule;
  const absl::Status parsed = ParseText(text, file, &schedule);
  if (!parsed.ok()) return parsed;
  const absl::Status status = CheckSchedule(schedule);
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": ", status.message()));
  }
  return schedule;
}

Playing::Playing(const v1::Schedule& schedule)
    : played_{.end = StartOf(*trace::FromProto(schedule.profile()),
                             ScopeOf(schedule.scope(), schedule.doorbells()),
                             &boot_)},
      referee_(schedule.scope().cpus()) {
  referee_.See(boot_);
}

absl::Status Playing::Make(const std::string& move) {
  Happenings happenings;
  const absl::Status moved = MoveByName(move, &played_.end, &happenings);
  if (!moved.ok()) return moved;
  referee_.See(happenings);
  ++moves_;
  referee_.Record(
      played_.end, [this] { return absl::StrCat("move ", moves_); },
      /*at_rest=*/false);
  // One microsecond an event: times only count here.
  AppendEvents(happenings, std::chrono::microseconds(played_.events.size() + 1),
               &played_.events);
  return absl::OkStatus();
}

Played Playing::End() && {
  played_.quiet = OnlyNewCallsLeft(played_.end);
  if (played_.quiet) {
    referee_.Record(
        played_.end, [] { return "at the end"; }, /*at_rest=*/true);
  }
  played_.hangs = played_.quiet && !WaitsOf(played_.end).empty();
  for (const auto& [invariant, what] : referee_.violated()) {
    played_.violated.push_back(std::string(kernel::InvariantName(invariant)));
  }
  return std::move(played_);
}

absl::StatusOr<Played> Play(const v1::Schedule& schedule) {
  const absl::Status status = CheckSchedule(schedule);
  if (!status.ok()) return status;
  Playing playing(schedule);
  for (int i = 0; i < schedule.moves_size(); ++i) {
    const absl::Status moved = playing.Make(schedule.moves(i));
    if (!moved.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("move ", i + 1, ": ", moved.message()));
    }
  }
  return std::move(playing).End();
}

}  // namespace belfry::lab
