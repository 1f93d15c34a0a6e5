#include "client/chaos_text.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/duration.h"
#include "client/insight_text.h"
#include "trace/report_text.h"

namespace belfry::client {
namespace {

// "12 kill, 3 reset (1 missed)".
std::string FaultsText(const v1::ChaosReport& report) {
  std::vector<std::string> parts;
  for (const auto& fault : report.faults()) {
    if (fault.done() + fault.missed() == 0) continue;
    parts.push_back(absl::StrCat(
        fault.done(), " ", fault.kind(),
        fault.missed() > 0 ? absl::StrCat(" (", fault.missed(), " missed)")
                           : ""));
  }
  return absl::StrJoin(parts, ", ");
}

// "412 of 440 went well; 20 EIO, 8 ETIMEDOUT".
std::string HotplugText(const v1::ChaosReport::Hotplug& hotplug) {
  std::vector<std::string> failed;
  for (const v1::ErrnoCount& count : hotplug.failed()) {
    failed.push_back(absl::StrCat(count.count(), " ", count.errno_name()));
  }
  if (hotplug.unknown() > 0) {
    failed.push_back(absl::StrCat(hotplug.unknown(), " unknown"));
  }
  return absl::StrCat(hotplug.ok(), " of ", hotplug.tried(), " went well",
                      failed.empty() ? "" : "; ", absl::StrJoin(failed, ", "));
}

std::string GrowthText(const v1::ChaosReport::Growth& growth) {
  return absl::StrFormat(
      "growth    %s over %u rests: memory %u to %u kB, threads %u to %u, "
      "descriptors %u to %u",
      growth.process(), growth.rests(), growth.before().pss_kb(),
      growth.after().pss_kb(), growth.before().threads(),
      growth.after().threads(), growth.before().descriptors(),
      growth.after().descriptors());
}

}  // namespace

std::string ChaosEventText(const v1::ChaosEvent& event) {
  return absl::StrFormat(
      "%9.3f  %-7s  %s%s", event.at_s(), event.what(),
      event.fault() > 0 ? absl::StrCat("#", event.fault(), "  ") : "",
      event.text());
}

std::string ChaosProgressText(const v1::ChaosReport& report,
                              absl::Duration duration) {
  return absl::StrCat(
      absl::FormatDuration(
          absl::Trunc(absl::Seconds(report.duration_s()), absl::Seconds(1))),
      " of ", absl::FormatDuration(duration),
      " and the rests: ", trace::CountText(report.faults_done(), "fault"), ", ",
      report.hotplug().ok(), " of ", report.hotplug().tried(),
      " hotplug operations, ", report.counts().invoked(), " calls run, ",
      report.rests(), " rests");
}

void PrintChaos(Output& out, const v1::ChaosReport& report) {
  out.Line(absl::StrCat("faults    ", report.faults_done(), ": ",
                        FaultsText(report)));
  out.Line(absl::StrCat("hotplug   ", HotplugText(report.hotplug())));
  out.Line(absl::StrCat("calls     ", report.counts().invoked(), " run, ",
                        report.lost(), " lost with a process that died, of ",
                        "which ", report.fenced(), " had been declared dead"));
  const v1::ChaosReport::Network& network = report.network();
  if (network.packets() > 0) {
    out.Line(absl::StrCat("network   ", network.packets(),
                          " packets: ", network.dropped(), " dropped, ",
                          network.delayed(), " delayed, ", network.duplicated(),
                          " duplicated, ", network.reordered(), " held back, ",
                          network.resets(), " answered with a reset"));
  }
  out.Line(absl::StrCat("judged    ", trace::CountText(report.rests(), "rest"),
                        ", ", trace::CountText(report.trace_events(), "event"),
                        " of traces, ", report.trace_overwritten(),
                        " overwritten"));
  for (const auto& growth : report.growth()) out.Line(GrowthText(growth));
  if (!report.explanation().waiters().empty()) {
    out.Data(ExplanationText(report.explanation(), out));
  }
  const bool good = report.failure().empty();
  out.Line(out.Painted(
      good ? Style::kGood : Style::kBad,
      absl::StrCat("verdict   ", good ? "" : "! ", report.verdict(),
                   good ? "" : ": ", report.failure(), " (", report.profile(),
                   ", ", report.cpus(), " CPUs, seed ", report.seed(), ", ",
                   DurationText(absl::Seconds(report.duration_s())), ")")));
}

}  // namespace belfry::client
