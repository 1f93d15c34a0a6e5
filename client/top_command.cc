// belfry top.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/commands.h"
#include "client/coordinator.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/operations.h"
#include "client/state_dir.h"
#include "client/terminal.h"
#include "client/top_view.h"

namespace belfry::client {
namespace {

absl::StatusOr<v1::LiveState> GetLiveState(Coordinator& coordinator) {
  auto response = coordinator.Ask(&Coordinator::Stub::GetLiveState,
                                  v1::GetLiveStateRequest());
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_state());
}

// Starts the operation and does not wait for it: the screen shows how it goes.
std::string Toggle(Coordinator& coordinator, const v1::CpuInfo* cpu) {
  if (cpu == nullptr) return "";
  const bool online = cpu->state() == v1::CPU_STATE_ONLINE;
  const auto operation =
      StartHotplug(coordinator, !online, cpu->cpu(), /*on=*/std::nullopt);
  if (!operation.ok()) return std::string(operation.status().message());
  return absl::StrCat(CpuName(cpu->cpu()), online ? " goes" : " comes",
                      " (operation ", operation->id(), ")");
}

// False when the user wants no more.
bool Obey(const Terminal::Press& press, Coordinator& coordinator,
          TopView* view) {
  using Key = Terminal::Key;
  const char c = press.character;
  if (press.key == Key::kCharacter && c == 'q') return false;
  if (press.key == Key::kUp || c == 'k') view->MoveSelection(-1);
  if (press.key == Key::kDown || c == 'j') view->MoveSelection(1);
  if (press.key == Key::kEnter || c == 'o') {
    view->set_message(Toggle(coordinator, view->selected()));
  }
  return true;
}

ExitCode Watch(Context& context, const TopOptions& options,
               Coordinator& coordinator, Terminal& terminal) {
  const Interrupt interrupt;
  TopView view(coordinator.address());
  absl::Time next = absl::Now();
  while (!interrupt.requested()) {
    if (absl::Now() >= next) {
      auto state = GetLiveState(coordinator);
      if (state.ok()) {
        view.Update(*std::move(state));
      } else {
        view.set_problem(std::string(state.status().message()));
      }
      next = absl::Now() + options.interval;
    }
    terminal.Draw(
        view.Lines({terminal.width(), terminal.height()}, context.out.color()));
    const Terminal::Press press =
        terminal.Read(std::max(next - absl::Now(), absl::ZeroDuration()));
    if (!Obey(press, coordinator, &view)) break;
  }
  return kExitOk;
}

}  // namespace

ExitCode Run(Context& context, const TopOptions& options) {
  auto coordinator = Connect(context.options);
  if (!coordinator.ok()) return coordinator.status();
  const auto state = GetLiveState(*coordinator);
  if (!state.ok()) return state.status();
  if (context.out.json()) {
    context.out.Json(*state);
    return kExitOk;
  }
  absl::StatusOr<Terminal> terminal = Terminal::Open();
  if (!terminal.ok()) {
    return UsageError(
        "top needs a terminal; without one: belfry status, or top -o json");
  }
  return Watch(context, options, *coordinator, *terminal);
}

}  // namespace belfry::client
