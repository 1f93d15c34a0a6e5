#include "tests/support/at_rest.h"

#include "absl/strings/str_cat.h"

namespace belfry::testing {
namespace {

std::string UnrestOf(const kernel::Cpu& cpu, const kernel::Ledger& ledger,
                     const kernel::Coordinator& coordinator) {
  std::string wrong;
  const auto expect = [&](bool good, absl::string_view what) {
    if (!good) {
      absl::StrAppend(&wrong, "cpu ", cpu.id().value, ": ", what, "\n");
    }
  };
  const bool online = coordinator.view().online.Has(cpu.id());
  // A parked CPU reads no view; it has the newest before it is online again.
  expect(!online || cpu.view() == coordinator.view(), "an old view");
  expect(cpu.life() == (online ? kernel::Life::kOnline : kernel::Life::kDead),
         kernel::LifeName(cpu.life()));
  expect(cpu.irqs_masked() != online, "its interrupt mask is wrong");
  expect(cpu.guards() == 0, "a guard is held");
  expect(!cpu.stop(), "it stands in a round");
  expect(!cpu.stop_two() && cpu.stop_two_tasks().empty(), "it stops two CPUs");
  expect(!cpu.stopper().lock && cpu.stopper().orders.empty() &&
             cpu.stopper().works.empty() && !cpu.stopper().locked_out,
         "its stopper has work to do");
  expect(!cpu.walk(), "it walks");
  expect(!cpu.drain(), "it drains");
  for (const auto& [dst, row] : ledger.rows()) {
    expect(row.pending() == 0, absl::StrCat(row.pending(), " calls to cpu ",
                                            dst.value, " are pending"));
  }
  return wrong;
}

}  // namespace

std::string Unrest(World& w) {
  const kernel::Coordinator& coordinator = w.coordinator();
  std::string wrong = coordinator.recovering() ? "it recovers still\n" : "";
  if (const auto& op = coordinator.current()) {
    absl::StrAppend(&wrong, kernel::OpKindName(op->kind), " of cpu ",
                    op->cpu.value, " stands in leg ", kernel::LegName(op->leg),
                    " waiting for ",
                    kernel::FormatCpuList(coordinator.waiting_for()), "\n");
  }
  for (std::uint32_t cpu = 0; cpu < coordinator.possible(); ++cpu) {
    const bool present = coordinator.present().Has({cpu});
    if (present != w.alive(cpu)) {
      absl::StrAppend(&wrong, "cpu ", cpu,
                      present ? " is dead\n" : " is not attached\n");
    } else if (present) {
      absl::StrAppend(&wrong, UnrestOf(w.cpu(cpu), w.ledger(cpu), coordinator));
    }
  }
  return wrong;
}

}  // namespace belfry::testing
