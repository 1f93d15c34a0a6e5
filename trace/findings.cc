#include "trace/findings.h"

#include "absl/strings/str_cat.h"
#include "trace/operation_text.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

using google::protobuf::Timestamp;

// As the alert rules have it: longer than any doorbell takes.
constexpr double kOldQueueSeconds = 5;
constexpr double kOldOperationSeconds = 10;

// What the queue of a CPU has that nobody will take; "" for nothing.
std::string QueueFinding(const v1::CpuInfo& cpu, const Timestamp& now) {
  const v1::NodeReport& report = cpu.report();
  const double age = SecondsBetween(report.head_time(), now);
  if (report.depth() == 0 || age < kOldQueueSeconds) return "";
  const std::string calls = CountText(report.depth(), "call");
  const std::string oldest = absl::StrCat(", the oldest ", DurationText(age));
  if (!cpu.online()) {
    return absl::StrCat(calls, " left behind on an offline CPU", oldest);
  }
  if (!report.latched()) {
    return absl::StrCat(calls, " stranded: online, no doorbell latched",
                        oldest);
  }
  return absl::StrCat(calls, " pending: doorbell latched, not taken", oldest);
}

std::vector<std::string> FindingsOfCpu(const v1::CpuInfo& cpu,
                                       const Timestamp& now) {
  std::vector<std::string> findings;
  const v1::NodeReport& report = cpu.report();
  if (cpu.state() == v1::CPU_STATE_CRASHED) {
    findings.push_back("crashed: its process is gone");
  }
  if (std::string text = QueueFinding(cpu, now); !text.empty()) {
    findings.push_back(std::move(text));
  }
  if (report.waiters_stuck() > 0) {
    findings.push_back(absl::StrCat(
        CountText(report.waiters_stuck(), "waiting call"), " stuck for ",
        DurationText(SecondsBetween(report.oldest_waiter_time(), now))));
  }
  if (cpu.calls_carried() > 0) {
    findings.push_back(absl::StrCat(CountText(cpu.calls_carried(), "call"),
                                    " carried over an offline-online cycle"));
  }
  const v1::CallTotals& calls = report.ledger();
  if (calls.issued() != calls.completed() + calls.refused() + calls.lost() +
                            calls.outstanding()) {
    findings.push_back(absl::StrCat(
        "its ledger does not add up: ", calls.issued(), " issued, but ",
        calls.completed(), " completed, ", calls.refused(), " refused, ",
        calls.lost(), " lost and ", calls.outstanding(), " outstanding"));
  }
  return findings;
}

}  // namespace

v1::CallTotals SumOfCalls(const v1::Cluster& cluster) {
  v1::CallTotals sum;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    const v1::CallTotals& calls = cpu.report().ledger();
    sum.set_issued(sum.issued() + calls.issued());
    sum.set_completed(sum.completed() + calls.completed());
    sum.set_refused(sum.refused() + calls.refused());
    sum.set_lost(sum.lost() + calls.lost());
    sum.set_outstanding(sum.outstanding() + calls.outstanding());
  }
  return sum;
}

std::vector<std::string> FindingsOf(const v1::Cluster& cluster,
                                    const Timestamp& now) {
  std::vector<std::string> findings;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    for (const std::string& text : FindingsOfCpu(cpu, now)) {
      findings.push_back(absl::StrCat("cpu/", cpu.cpu(), ": ", text));
    }
  }
  if (!cluster.has_current()) return findings;
  const double age = SecondsBetween(cluster.current().create_time(), now);
  if (age >= kOldOperationSeconds) {
    findings.push_back(absl::StrCat("operation ", cluster.current().id(), " (",
                                    WhatText(cluster.current()),
                                    ") has run for ", DurationText(age), ": ",
                                    cluster.current().message()));
  }
  return findings;
}

}  // namespace belfry::trace
