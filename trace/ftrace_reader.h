// Reads what `cat /sys/kernel/tracing/trace` and `trace-cmd report` print: a
// recording of a real kernel, or of ours (trace/ftrace_text.h). Line by line,
// so that a file of any length needs the memory of one line.
//
//   comm-pid [cpu] flags seconds: event: fields
//
// (kernel/trace/trace_output.c: trace_print_context()). What a trace may hold
// besides, function entries, markers, another clock, is counted and passed
// over.
#ifndef BELFRY_TRACE_FTRACE_READER_H_
#define BELFRY_TRACE_FTRACE_READER_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "kernel/cpuhp.h"
#include "kernel/ids.h"

namespace belfry::trace {

// One event, as the line has it.
struct FtraceRecord {
  // "<idle>", "cpuhp/3"; may hold blanks and dashes.
  std::string comm;
  std::int32_t pid = 0;
  // The CPU that the event was recorded on.
  kernel::CpuId cpu;
  // "d.h1."; empty where the recording has none (trace-cmd's older reports).
  std::string flags;
  // Of the recording's clock.
  std::int64_t time_ns = 0;
  // "csd_queue_cpu".
  std::string event;
  // "cpu=0 callsite=...", without blanks at its ends.
  std::string fields;

  friend bool operator==(const FtraceRecord&, const FtraceRecord&) = default;
};

// The event of one line; nothing for a line that is none.
std::optional<FtraceRecord> ParseFtraceLine(absl::string_view line);

// What a recording says of itself, as far as it was read.
struct FtraceSummary {
  std::uint64_t lines = 0;
  std::uint64_t events = 0;
  // Lines that are neither an event nor any of the remarks below; the first of
  // them, counted from 1.
  std::uint64_t foreign = 0;
  std::uint64_t first_foreign_line = 0;
  // The header's "entries-in-buffer/entries-written" and "#P": fewer in the
  // buffer than written means that the oldest were overwritten.
  std::optional<std::uint64_t> entries_in_buffer;
  std::optional<std::uint64_t> entries_written;
  std::optional<std::uint32_t> cpus;
  // Marks of events lost in the middle ("CPU:3 [LOST 12 EVENTS]"), and the
  // events they count; a mark need not know how many.
  std::uint64_t lost_marks = 0;
  std::uint64_t lost_events = 0;
  // The last line has no end: the file was cut off. It is not given as an
  // event, since its last field may be half of one.
  bool cut_off = false;
};

// Not thread-safe. The stream must outlive the reader.
class FtraceReader {
 public:
  explicit FtraceReader(std::istream* in) : in_(in) {}

  // The next event; nothing at the end of the stream.
  std::optional<FtraceRecord> Next();

  const FtraceSummary& summary() const { return summary_; }
  // Of the event that Next() gave last; from 1.
  std::uint64_t line_number() const { return summary_.lines; }

 private:
  // False for a line that says nothing of this kind.
  bool ReadRemark(absl::string_view line);
  void ReadHeader(absl::string_view line);

  std::istream* in_;
  FtraceSummary summary_;
};

// cpuhp_enter, cpuhp_multi_enter and cpuhp_exit
// (include/trace/events/cpuhp.h).
struct CpuhpEvent {
  enum class Kind : std::uint8_t { kEnter, kMultiEnter, kExit };
  Kind kind{};
  // The CPU that is brought up or taken down, not the one that did the step.
  kernel::CpuId cpu;
  kernel::CpuhpState step = 0;
  // Enter: where the walk goes.
  kernel::CpuhpState target = 0;
  // Exit: where the CPU stands, and 0 or the errno, negative.
  kernel::CpuhpState state = 0;
  std::int32_t ret = 0;

  friend bool operator==(const CpuhpEvent&, const CpuhpEvent&) = default;
};

// Nothing for any other event, and for fields that are not those.
std::optional<CpuhpEvent> ParseCpuhpEvent(const FtraceRecord& record);

// "cpuhp_enter: cpu: 0003 target: 145 step: 235", as the kernel prints it but
// for the function.
std::string CpuhpEventText(const CpuhpEvent& event);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_FTRACE_READER_H_
