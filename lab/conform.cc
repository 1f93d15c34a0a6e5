#include "lab/conform.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "kernel/cpumask.h"
#include "kernel/profile.h"
#include "lab/hotplug_bench.h"
#include "trace/ftrace_reader.h"

namespace belfry::lab {
namespace {

using kernel::CpuId;
using kernel::Errno;
using trace::CpuhpEvent;

constexpr absl::string_view kProfile = "linux-6.12";
constexpr absl::string_view kRefused = "EINVAL on setting";

// ---- A recording.

struct Recorded {
  CpuhpEvent event;
  std::uint64_t line = 0;
};

absl::Status NoSuchRecording(const std::string& name, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(name, ": ", why));
}

// Nothing may be missing from what is compared event by event.
absl::Status CheckWhole(const std::string& name,
                        const trace::FtraceSummary& summary) {
  if (summary.cut_off) {
    return NoSuchRecording(name,
                           absl::StrCat("line ", summary.lines, " is cut off"));
  }
  if (summary.events == 0) {
    return NoSuchRecording(name, "not an ftrace recording: it has no event");
  }
  if (summary.lost_marks > 0 ||
      summary.entries_in_buffer < summary.entries_written) {
    return NoSuchRecording(
        name, "events are missing: record again with a larger buffer");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Recorded>> ReadRecording(std::istream& in,
                                                    const std::string& name,
                                                    CpuId cpu) {
  std::vector<Recorded> events;
  kernel::CpuMask others;
  trace::FtraceReader reader(&in);
  while (const auto record = reader.Next()) {
    const auto event = trace::ParseCpuhpEvent(*record);
    if (!event) {
      if (!absl::StartsWith(record->event, "cpuhp_")) continue;
      return NoSuchRecording(
          name, absl::StrCat("line ", reader.line_number(), ": ", record->event,
                             " has other fields than Linux 6.12 prints"));
    }
    if (event->cpu == cpu) {
      events.push_back({*event, reader.line_number()});
    } else {
      others.Add(event->cpu);
    }
  }
  if (absl::Status whole = CheckWhole(name, reader.summary()); !whole.ok()) {
    return whole;
  }
  if (events.empty()) {
    return NoSuchRecording(
        name, absl::StrCat("no cpuhp event of cpu ", cpu.value,
                           others.empty()
                               ? ""
                               : absl::StrCat(", only of ",
                                              kernel::FormatCpuList(others))));
  }
  return events;
}

// ---- The machine.

v1::ConformReport Begin(const std::string& name,
                        const ConformOptions& options) {
  v1::ConformReport report;
  report.set_file(name);
  report.set_profile(std::string(kProfile));
  report.set_operation(options.online ? "online" : "offline");
  report.set_cpu(options.cpu);
  return report;
}

// With these CPUs and those that there must be; ready for the operation.
HotplugBench ReadyMachine(kernel::CpuMask cpus, const ConformOptions& options) {
  cpus.Add(CpuId{options.cpu});
  cpus.Add(CpuId{0});
  if (cpus.count() == 1) cpus.Add(CpuId{1});
  HotplugBench machine(kernel::PresetByName(kProfile).value(), cpus);
  if (options.online) machine.Change(CpuId{options.cpu}, false);
  return machine;
}

void Compare(const std::vector<Recorded>& recorded,
             const std::vector<CpuhpEvent>& emulated,
             v1::ConformReport* report) {
  const auto [real, ours] = std::mismatch(
      recorded.begin(), recorded.end(), emulated.begin(), emulated.end(),
      [](const Recorded& r, const CpuhpEvent& e) { return r.event == e; });
  report->set_compared(recorded.size());
  report->set_conforms(real == recorded.end() && ours == emulated.end());
  if (report->conforms()) return;
  v1::ConformReport::Difference& difference = *report->add_differences();
  difference.set_number(real - recorded.begin() + 1);
  if (real != recorded.begin()) {
    difference.set_before(trace::CpuhpEventText(std::prev(real)->event));
  }
  if (real != recorded.end()) {
    difference.set_line(real->line);
    difference.set_recorded(trace::CpuhpEventText(real->event));
  }
  if (ours != emulated.end()) {
    difference.set_emulated(trace::CpuhpEventText(*ours));
  }
}

// ---- A table of injected failures.

struct Row {
  std::uint64_t line = 0;
  kernel::CpuhpState step = 0;
  std::string answer;
  // Empty: the table does not say.
  std::string online;
  std::string state;
};

std::string RowText(const Row& row) {
  std::string text = row.answer;
  if (!row.online.empty()) absl::StrAppend(&text, ", online ", row.online);
  if (!row.state.empty()) absl::StrAppend(&text, ", state ", row.state);
  return absl::StrCat("step ", row.step, ": ", text);
}

bool IsAnswer(absl::string_view text) {
  return text == "ok" || text == kRefused ||
         (text.size() > 1 && text[0] == 'E' &&
          std::all_of(text.begin(), text.end(), [](char c) {
            return absl::ascii_isupper(static_cast<unsigned char>(c));
          }));
}

// What is wrong with it otherwise.
absl::StatusOr<Row> ParseRow(absl::string_view line) {
  std::vector<absl::string_view> cells = absl::StrSplit(line, '\t');
  for (absl::string_view& cell : cells) cell = absl::StripAsciiWhitespace(cell);
  cells.resize(std::max<std::size_t>(cells.size(), 4));
  Row row;
  row.answer = std::string(cells[1]);
  row.online = std::string(cells[2]);
  row.state = std::string(cells[3]);
  kernel::CpuhpState state = 0;
  if (cells.size() > 4) return absl::DataLossError("more than four columns");
  if (!absl::SimpleAtoi(cells[0], &row.step)) {
    return absl::DataLossError(
        absl::StrCat("'", cells[0], "' is no step's number"));
  }
  if (!IsAnswer(row.answer)) {
    return absl::DataLossError(absl::StrCat(
        "'", row.answer, "' is none of: ok, ", kRefused, ", an errno's name"));
  }
  const auto online = kernel::ParseCpuList(row.online);
  if (!online.ok()) return absl::DataLossError(online.status().message());
  if (online->count() > kConformCpusMax) {
    return absl::DataLossError(
        absl::StrCat("more than ", kConformCpusMax, " CPUs"));
  }
  if (!row.state.empty() && !absl::SimpleAtoi(row.state, &state)) {
    return absl::DataLossError(
        absl::StrCat("'", row.state, "' is no state's number"));
  }
  return row;
}

absl::StatusOr<std::vector<Row>> ReadTable(std::istream& in,
                                           const std::string& name) {
  std::vector<Row> rows;
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    if (number == 1 &&
        !absl::ascii_isdigit(static_cast<unsigned char>(line[0])))
      continue;
    absl::StatusOr<Row> row = ParseRow(line);
    if (!row.ok()) {
      return NoSuchRecording(
          name, absl::StrCat("line ", number, ": ", row.status().message()));
    }
    row->line = number;
    rows.push_back(*std::move(row));
  }
  if (rows.empty()) {
    return NoSuchRecording(name, "no row of a table of injected failures");
  }
  return rows;
}

// On a machine of its own: a failure that no step met would stay for the next.
Row Inject(HotplugBench machine, const ConformOptions& options,
           kernel::CpuhpState step) {
  const CpuId cpu{options.cpu};
  Row row{.step = step};
  if (machine.SetFail(cpu, step) != Errno::kOk) {
    row.answer = std::string(kRefused);
  } else {
    const Errno error = machine.Change(cpu, options.online);
    row.answer =
        error == Errno::kOk ? "ok" : std::string(kernel::ErrnoName(error));
  }
  row.online = kernel::FormatCpuList(machine.online());
  row.state = absl::StrCat(machine.StateOf(cpu));
  return row;
}

}  // namespace

absl::StatusOr<v1::ConformReport> ConformToRecording(
    std::istream& recording, const std::string& name,
    const ConformOptions& options) {
  const CpuId cpu{options.cpu};
  const auto recorded = ReadRecording(recording, name, cpu);
  if (!recorded.ok()) return recorded.status();
  HotplugBench machine = ReadyMachine({}, options);
  if (machine.SetFail(cpu, options.fail) != Errno::kOk) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step ", options.fail, " cannot be made to fail on the way ",
        options.online ? "up" : "down", " (EINVAL)"));
  }
  machine.Change(cpu, options.online);
  v1::ConformReport report = Begin(name, options);
  if (options.fail != kernel::kCpuhpInvalid) {
    report.set_fail_step(options.fail);
  }
  Compare(*recorded, machine.events(), &report);
  return report;
}

absl::StatusOr<v1::ConformReport> ConformToFailTable(
    std::istream& table, const std::string& name,
    const ConformOptions& options) {
  const auto rows = ReadTable(table, name);
  if (!rows.ok()) return rows.status();
  kernel::CpuMask cpus;
  for (const Row& row : *rows) {
    // It was parsed when it was read.
    for (CpuId cpu : kernel::ParseCpuList(row.online)->cpus()) cpus.Add(cpu);
  }
  const HotplugBench machine = ReadyMachine(cpus, options);
  v1::ConformReport report = Begin(name, options);
  report.set_compared(rows->size());
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const Row& recorded = (*rows)[i];
    Row emulated = Inject(machine, options, recorded.step);
    if (recorded.online.empty()) emulated.online.clear();
    if (recorded.state.empty()) emulated.state.clear();
    if (RowText(recorded) == RowText(emulated)) continue;
    v1::ConformReport::Difference& difference = *report.add_differences();
    difference.set_line(recorded.line);
    difference.set_number(i + 1);
    difference.set_recorded(RowText(recorded));
    difference.set_emulated(RowText(emulated));
  }
  report.set_conforms(report.differences().empty());
  return report;
}

}  // namespace belfry::lab
