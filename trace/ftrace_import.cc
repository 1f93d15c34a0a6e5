#include "trace/ftrace_import.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "kernel/cpumask.h"
#include "trace/ftrace_fields.h"
#include "trace/ftrace_reader.h"
#include "trace/report_text.h"

namespace belfry::trace {
namespace {

using Fields = std::map<std::string, std::string>;

// "cpu=3 callsite=f+0x1/0x2 [module] func=nop, csd=00ff": a word without '='
// belongs to the one before.
Fields SplitFields(absl::string_view text) {
  Fields fields;
  std::string* last = nullptr;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    absl::ConsumeSuffix(&word, ",");
    const std::size_t equals = word.find('=');
    if (equals != absl::string_view::npos) {
      last = &fields[std::string(word.substr(0, equals))];
      *last = std::string(word.substr(equals + 1));
    } else if (last != nullptr) {
      absl::StrAppend(last, " ", word);
    }
  }
  return fields;
}

std::string TextOf(const Fields& fields, absl::string_view name) {
  const auto found = fields.find(std::string(name));
  return found == fields.end() ? "" : found->second;
}

std::int64_t NumberOf(const Fields& fields, absl::string_view name) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(TextOf(fields, name), &number) ? number : 0;
}

// "00000000,0000002c", the kernel's bitmap, as "2-3,5".
std::string MaskToCpuList(absl::string_view mask) {
  std::string digits;
  for (const char c : mask) {
    if (c != ',') digits.push_back(c);
  }
  kernel::CpuMask cpus;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    std::uint32_t nibble = 0;
    if (!absl::SimpleHexAtoi(digits.substr(digits.size() - 1 - i, 1),
                             &nibble)) {
      return std::string(mask);
    }
    for (std::uint32_t bit = 0; bit < 4; ++bit) {
      const auto cpu = static_cast<std::uint32_t>(4 * i + bit);
      if ((nibble >> bit & 1) != 0 && cpu < kernel::kMaxCpus) {
        cpus.Add(kernel::CpuId{cpu});
      }
    }
  }
  return kernel::FormatCpuList(cpus);
}

// Reads the events of one recording.
class Importer {
 public:
  // Of our own machine: this number stands for the coordinator.
  explicit Importer(std::optional<std::uint32_t> coordinator)
      : coordinator_(coordinator) {}

  v1::TraceEvent Event(const FtraceRecord& record) const {
    v1::TraceEvent event;
    event.set_name(record.event);
    event.mutable_time()->set_seconds(record.time_ns / 1'000'000'000);
    event.mutable_time()->set_nanos(
        static_cast<std::int32_t>(record.time_ns % 1'000'000'000));
    if (record.cpu.value != coordinator_) event.set_cpu(record.cpu.value);
    event.set_irqs_masked(absl::StartsWith(record.flags, "d") ||
                          absl::StartsWith(record.flags, "D"));
    if (!coordinator_) {
      event.set_task(absl::StrCat(record.comm, "-", record.pid));
      event.set_flags(record.flags);
    }
    if (!Cpuhp(record, &event) && !Known(record, &event)) {
      Other(record, &event);
    }
    return event;
  }

 private:
  static bool Cpuhp(const FtraceRecord& record, v1::TraceEvent* event) {
    const std::optional<CpuhpEvent> cpuhp = ParseCpuhpEvent(record);
    if (!cpuhp) return false;
    event->set_about_cpu(cpuhp->cpu.value);
    event->set_value(cpuhp->step);
    if (cpuhp->kind == CpuhpEvent::Kind::kExit) {
      event->set_value2(cpuhp->ret);
      event->set_state(cpuhp->state);
      return true;
    }
    event->set_value2(cpuhp->target);
    const std::size_t open = record.fields.find('(');
    if (open != std::string::npos && absl::EndsWith(record.fields, ")")) {
      event->set_detail(
          record.fields.substr(open + 1, record.fields.size() - open - 2));
    }
    return true;
  }

  // Events that the kernel has, too.
  bool Known(const FtraceRecord& record, v1::TraceEvent* event) const {
    const std::string& name = record.event;
    const Fields fields = SplitFields(record.fields);
    if (name == "csd_queue_cpu" || name == "csd_function_entry" ||
        name == "csd_function_exit") {
      event->set_function(TextOf(fields, "func"));
      Csd(fields, event);
    } else if (name == "call_function_single_entry" ||
               name == "call_function_single_exit" ||
               name == "call_function_entry" || name == "call_function_exit") {
      if (!coordinator_) event->set_value(NumberOf(fields, "vector"));
      return true;
    } else if (name != "ipi_send_cpu" && name != "ipi_send_cpumask") {
      return false;
    }
    if (fields.contains("cpu")) {
      event->set_about_cpu(static_cast<std::uint32_t>(NumberOf(fields, "cpu")));
    }
    if (fields.contains("cpumask")) {
      event->set_targets(MaskToCpuList(TextOf(fields, "cpumask")));
    }
    if (!coordinator_) {
      event->set_callsite(TextOf(fields, "callsite"));
      event->set_callback(TextOf(fields, "callback"));
    }
    return true;
  }

  void Csd(const Fields& fields, v1::TraceEvent* event) const {
    std::uint64_t csd = 0;
    if (!absl::SimpleHexAtoi(TextOf(fields, "csd"), &csd)) return;
    if (coordinator_) event->set_src_cpu(static_cast<std::uint32_t>(csd >> 48));
    event->set_seq(coordinator_ ? csd & 0xffff'ffff'ffffULL : csd);
  }

  void Other(const FtraceRecord& record, v1::TraceEvent* event) const {
    if (!coordinator_) {
      event->set_detail(record.fields);
      return;
    }
    const FtraceFields& names = FieldsOf(record.event);
    // "vec=4 [action=BLOCK]".
    const Fields fields =
        SplitFields(absl::StrReplaceAll(record.fields, {{"[", ""}, {"]", ""}}));
    if (fields.contains("cpu")) {
      event->set_about_cpu(static_cast<std::uint32_t>(NumberOf(fields, "cpu")));
    }
    event->set_function(TextOf(fields, "func"));
    if (fields.contains("csd")) Csd(fields, event);
    event->set_value(NumberOf(fields, names.value));
    event->set_value2(NumberOf(fields, names.value2));
    event->set_detail(TextOf(fields, names.detail));
  }

  std::optional<std::uint32_t> coordinator_;
};

// "# CPU 004 is the coordinator": our writer's mark.
std::optional<std::uint32_t> CoordinatorOf(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    std::uint32_t cpu = 0;
    if (!absl::StartsWith(line, "#")) break;
    if (absl::ConsumePrefix(&line, "# CPU ") &&
        absl::ConsumeSuffix(&line, " is the coordinator") &&
        absl::SimpleAtoi(line, &cpu)) {
      return cpu;
    }
  }
  return std::nullopt;
}

void AddProblems(const FtraceSummary& summary, v1::TraceReport* trace) {
  if (summary.foreign > 0) {
    trace->add_problems(absl::StrCat(CountText(summary.foreign, "line"),
                                     " no events, passed over; the first is "
                                     "line ",
                                     summary.first_foreign_line));
  }
  if (summary.lost_marks > 0) {
    trace->add_problems(absl::StrCat("the recording itself marks ",
                                     CountText(summary.lost_marks, "place"),
                                     " where events were lost"));
  }
  const std::uint64_t entries = summary.events + summary.foreign;
  if (summary.entries_in_buffer && entries < *summary.entries_in_buffer) {
    trace->add_problems(absl::StrCat(
        "its header counts ", *summary.entries_in_buffer, " events, and ",
        entries, " follow: the end is missing, or it was filtered"));
  }
}

std::uint64_t Overwritten(const FtraceSummary& summary) {
  const std::uint64_t in_buffer = summary.entries_in_buffer.value_or(0);
  const std::uint64_t written = summary.entries_written.value_or(in_buffer);
  return std::max(written, in_buffer) - in_buffer + summary.lost_events;
}

// Where one is missing: the highest number in the events, plus one.
std::uint32_t CountCpus(const v1::TraceReport& trace) {
  std::uint32_t cpus = 0;
  for (const v1::TraceEvent& event : trace.events()) {
    if (event.has_cpu()) cpus = std::max(cpus, event.cpu() + 1);
    if (event.has_about_cpu()) cpus = std::max(cpus, event.about_cpu() + 1);
  }
  return cpus;
}

}  // namespace

bool LooksLikeFtrace(absl::string_view text) {
  if (absl::StartsWith(text, "# tracer: ")) return true;
  constexpr int kFirstLines = 100;
  int lines = 0;
  for (const absl::string_view line :
       absl::StrSplit(text.substr(0, 1 << 16), '\n')) {
    if (ParseFtraceLine(line)) return true;
    if (++lines == kFirstLines) break;
  }
  return false;
}

absl::StatusOr<v1::TraceReport> ReadFtraceText(absl::string_view text) {
  const std::optional<std::uint32_t> coordinator = CoordinatorOf(text);
  const Importer importer(coordinator);
  std::istringstream in{std::string(text)};
  FtraceReader reader(&in);
  v1::TraceReport trace;
  while (const std::optional<FtraceRecord> record = reader.Next()) {
    v1::TraceEvent* event = trace.add_events();
    *event = importer.Event(*record);
    event->set_lamport(static_cast<std::uint64_t>(trace.events_size()));
  }
  const FtraceSummary& summary = reader.summary();
  if (summary.cut_off) {
    return absl::InvalidArgumentError(
        absl::StrCat("ftrace text, cut off at byte ", text.size(),
                     ", within line ", summary.lines));
  }
  if (summary.events == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ftrace text without an event in its ",
                     CountText(summary.lines, "line")));
  }
  AddProblems(summary, &trace);
  trace.set_overwritten(Overwritten(summary));
  v1::TraceMachine& machine = *trace.mutable_machine();
  machine.set_kind(coordinator ? v1::TraceMachine::KIND_BELFRY
                               : v1::TraceMachine::KIND_KERNEL);
  machine.set_cpus(coordinator.value_or(
      std::max(CountCpus(trace), summary.cpus.value_or(0))));
  return trace;
}

}  // namespace belfry::trace
