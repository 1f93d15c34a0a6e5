#include "lab/simulation_file.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "kernel/cpuhp.h"
#include "kernel/cpumask.h"
#include "kernel/gate.h"
#include "kernel/ids.h"
#include "lab/text_format.h"
#include "trace/codec.h"

namespace belfry::lab {
namespace {

using Input = v1::SimulationInput;

// An hour of virtual time.
constexpr std::uint64_t kMaxTimeUs = 3'600'000'000;
constexpr std::uint32_t kMaxCount = 100'000;

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

class InputChecker {
 public:
  InputChecker(const v1::Simulation& simulation, const kernel::Profile& profile)
      : cpus_(simulation.cpus()), table_(profile.steps) {}

  absl::Status Check(const Input& input) const {
    if (input.at_us() > kMaxTimeUs) {
      return Wrong(absl::StrCat("at_us is beyond ", kMaxTimeUs));
    }
    if (input.has_gate()) {
      const absl::Status gate = CheckGate(input.gate());
      if (!gate.ok()) return gate;
    }
    return CheckKind(input);
  }

 private:
  absl::Status Cpu(std::uint32_t cpu) const {
    if (cpu < cpus_) return absl::OkStatus();
    return Wrong(
        absl::StrCat("there is no CPU ", cpu, ": there are 0-", cpus_ - 1));
  }
  absl::Status Cpus(std::uint32_t one, std::uint32_t other) const {
    const absl::Status first = Cpu(one);
    return first.ok() ? Cpu(other) : first;
  }
  absl::Status CpuList(const std::string& text) const {
    const auto mask = kernel::ParseCpuList(text);
    if (!mask.ok()) return mask.status();
    return mask->IsSubsetOf(kernel::CpuMask::FirstN(cpus_))
               ? absl::OkStatus()
               : Wrong(absl::StrCat("CPUs ", text, " are not all there: 0-",
                                    cpus_ - 1, " are"));
  }
  absl::Status Span(std::uint64_t us) const {
    if (us >= 1 && us <= kMaxTimeUs) return absl::OkStatus();
    return Wrong(
        absl::StrCat("us is ", us, "; 1 to ", kMaxTimeUs, " are possible"));
  }
  absl::Status Count(std::uint32_t count) const {
    if (count >= 1 && count <= kMaxCount) return absl::OkStatus();
    return Wrong(absl::StrCat("count is ", count, "; 1 to ", kMaxCount,
                              " are possible"));
  }
  // The gate's own name: what is compared while it runs.
  absl::Status CheckGate(const v1::GateAt& at) const {
    const auto own = at.has_cpu() ? kernel::ParseCpuGate(at.gate(), table_)
                                  : kernel::ParseCoordinatorGate(at.gate());
    if (!own.ok()) return own.status();
    if (*own != at.gate()) {
      return Wrong(absl::StrCat("gate \"", at.gate(), "\" is called \"", *own,
                                "\" here"));
    }
    return at.has_cpu() ? Cpu(at.cpu()) : absl::OkStatus();
  }
  absl::Status CheckHotplug(const v1::Hotplug& hotplug) const {
    return Cpus(hotplug.cpu(), hotplug.has_on() ? hotplug.on() : hotplug.cpu());
  }
  static absl::Status Both(absl::Status one, absl::Status other) {
    return one.ok() ? other : one;
  }

  absl::Status CheckKind(const Input& input) const {
    switch (input.input_case()) {
      case Input::kOffline:
        return CheckHotplug(input.offline());
      case Input::kOnline:
        return CheckHotplug(input.online());
      case Input::kBlockIo:
        return Both(Cpus(input.block_io().on(), input.block_io().submitter()),
                    Count(input.block_io().count()));
      case Input::kCall:
        return Both(Cpus(input.call().from(), input.call().cpu()),
                    Count(input.call().count()));
      case Input::kCallMany:
        return Both(Cpu(input.call_many().from()),
                    CpuList(input.call_many().cpus()));
      case Input::kStopMachine:
        return CpuList(input.stop_machine());
      case Input::kKill:
        return Cpu(input.kill());
      case Input::kRestart:
        return Cpu(input.restart());
      case Input::kPause:
        return Both(Cpu(input.pause().cpu()), Span(input.pause().us()));
      case Input::kBreakData:
        return Cpus(input.break_data().from(), input.break_data().to());
      case Input::kBreakControl:
        return Cpu(input.break_control());
      case Input::kPartition:
        return Both(CpuList(input.partition().cpus()),
                    Span(input.partition().us()));
      case Input::kDoorbell:
        return CheckDoorbell(input.doorbell());
      case Input::kKillCoordinator:
      case Input::kRestartCoordinator:
        return absl::OkStatus();
      case Input::INPUT_NOT_SET:
        return Wrong("nothing happens in it");
    }
    return Wrong("it is of no known kind");
  }

  absl::Status CheckDoorbell(const v1::DoorbellFault& fault) const {
    const absl::Status cpus = Cpus(fault.from(), fault.to());
    if (!cpus.ok()) return cpus;
    switch (fault.fault_case()) {
      case v1::DoorbellFault::kDelayUs:
        return Span(fault.delay_us());
      case v1::DoorbellFault::FAULT_NOT_SET:
        return Wrong("the doorbell needs drop, repeat or delay_us");
      default:
        return absl::OkStatus();
    }
  }

  std::uint32_t cpus_;
  kernel::CpuhpTable table_;
};

absl::Status CheckSimulation(const v1::Simulation& simulation) {
  if (simulation.version() != kSimulationVersion) {
    return Wrong(absl::StrCat("version is ", simulation.version(),
                              "; this program reads version ",
                              kSimulationVersion));
  }
  if (simulation.cpus() < 1 || simulation.cpus() > kernel::kMaxCpus) {
    return Wrong(absl::StrCat("cpus is ", simulation.cpus(), "; 1 to ",
                              kernel::kMaxCpus, " are possible"));
  }
  const auto profile = trace::FromProto(simulation.profile());
  if (!profile.ok()) return profile.status();
  const InputChecker checker(simulation, *profile);
  std::uint64_t last = 0;
  for (int i = 0; i < simulation.inputs_size(); ++i) {
    absl::Status status = checker.Check(simulation.inputs(i));
    if (status.ok() && simulation.inputs(i).at_us() < last) {
      status = Wrong(
          absl::StrCat("at_us is before that of the input before it, ", last));
    }
    if (!status.ok()) {
      return Wrong(absl::StrCat("input ", i + 1, ": ", status.message()));
    }
    last = simulation.inputs(i).at_us();
  }
  return absl::OkStatus();
}

}  // namespace

std::string FormatSimulation(const v1::Simulation& simulation) {
  return FormatText(simulation);
}

absl::StatusOr<v1::Simulation> ParseSimulation(absl::string_view text,
                                               absl::string_view file) {
  v1::Simulation simulation;
  const absl::Status parsed = ParseText(text, file, &simulation);
  if (!parsed.ok()) return parsed;
  const absl::Status status = CheckSimulation(simulation);
  if (!status.ok()) return Wrong(absl::StrCat(file, ": ", status.message()));
  return simulation;
}

}  // namespace belfry::lab
