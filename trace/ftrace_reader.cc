#include "trace/ftrace_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace belfry::trace {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

bool IsName(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '_' || absl::ascii_isalnum(static_cast<unsigned char>(c));
  });
}

// Cuts the first word off, and the blanks on both its sides.
absl::string_view TakeWord(absl::string_view* text) {
  *text = absl::StripLeadingAsciiWhitespace(*text);
  const absl::string_view word = text->substr(0, text->find_first_of(" \t"));
  *text = absl::StripLeadingAsciiWhitespace(text->substr(word.size()));
  return word;
}

// "2.340516:"; with nanoseconds where the recording has them.
std::optional<std::int64_t> ParseTime(absl::string_view word) {
  if (!absl::ConsumeSuffix(&word, ":")) return std::nullopt;
  const std::size_t dot = word.find('.');
  if (dot == absl::string_view::npos) return std::nullopt;
  const absl::string_view fraction = word.substr(dot + 1);
  std::int64_t seconds = 0;
  if (!IsDigits(word.substr(0, dot)) || !IsDigits(fraction) ||
      fraction.size() > 9 || !absl::SimpleAtoi(word.substr(0, dot), &seconds) ||
      seconds >= std::numeric_limits<std::int64_t>::max() / kNanosPerSecond) {
    return std::nullopt;
  }
  std::int64_t nanos = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    nanos = nanos * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  }
  return seconds * kNanosPerSecond + nanos;
}

// "comm-pid", after which option record-tgid puts "(tgid)".
bool ParseTask(absl::string_view text, FtraceRecord* record) {
  text = absl::StripAsciiWhitespace(text);
  if (absl::EndsWith(text, ")")) {
    const std::size_t open = text.rfind('(');
    if (open == absl::string_view::npos) return false;
    text = absl::StripTrailingAsciiWhitespace(text.substr(0, open));
  }
  const std::size_t dash = text.rfind('-');
  if (dash == absl::string_view::npos || dash == 0) return false;
  const absl::string_view pid = text.substr(dash + 1);
  record->comm = std::string(text.substr(0, dash));
  return IsDigits(pid) && absl::SimpleAtoi(pid, &record->pid);
}

// What follows the "[cpu]".
bool ParseRest(absl::string_view text, FtraceRecord* record) {
  absl::string_view word = TakeWord(&text);
  if (!absl::EndsWith(word, ":")) {
    record->flags = std::string(word);
    word = TakeWord(&text);
  }
  const std::optional<std::int64_t> time = ParseTime(word);
  if (!time) return false;
  record->time_ns = *time;
  word = TakeWord(&text);
  if (!absl::ConsumeSuffix(&word, ":") || !IsName(word)) return false;
  record->event = std::string(word);
  record->fields = std::string(absl::StripAsciiWhitespace(text));
  return true;
}

// Reads "name: 12" off the front.
bool TakeField(absl::string_view* text, absl::string_view name,
               std::int32_t* value) {
  absl::string_view key = TakeWord(text);
  return absl::ConsumeSuffix(&key, ":") && key == name &&
         absl::SimpleAtoi(TakeWord(text), value);
}

constexpr std::array<absl::string_view, 3> kCpuhpNames = {
    "cpuhp_enter", "cpuhp_multi_enter", "cpuhp_exit"};

}  // namespace

std::optional<FtraceRecord> ParseFtraceLine(absl::string_view line) {
  // A task may have named itself "x [001]": the first bracket around which all
  // reads as an event is the CPU.
  for (std::size_t open = line.find(" ["); open != absl::string_view::npos;
       open = line.find(" [", open + 1)) {
    const std::size_t close = line.find(']', open);
    if (close == absl::string_view::npos) break;
    const absl::string_view cpu = line.substr(open + 2, close - open - 2);
    FtraceRecord record;
    if (IsDigits(cpu) && absl::SimpleAtoi(cpu, &record.cpu.value) &&
        ParseTask(line.substr(0, open), &record) &&
        ParseRest(line.substr(close + 1), &record)) {
      return record;
    }
  }
  return std::nullopt;
}

std::optional<FtraceRecord> FtraceReader::Next() {
  std::string text;
  while (std::getline(*in_, text)) {
    ++summary_.lines;
    const bool cut_off = in_->eof();
    const absl::string_view line = absl::StripTrailingAsciiWhitespace(text);
    if (line.empty() || ReadRemark(line)) continue;
    if (cut_off) {
      summary_.cut_off = true;
    } else if (auto record = ParseFtraceLine(line)) {
      ++summary_.events;
      return record;
    } else if (++summary_.foreign == 1) {
      summary_.first_foreign_line = summary_.lines;
    }
  }
  return std::nullopt;
}

// The kernel's header and marks of loss (kernel/trace/trace.c), and what
// trace-cmd prints before the first event.
bool FtraceReader::ReadRemark(absl::string_view line) {
  if (line[0] == '#') {
    ReadHeader(line);
    return true;
  }
  if (absl::StartsWith(line, "CPU:") && absl::StrContains(line, "EVENTS")) {
    // "CPU:3 [LOST 12 EVENTS]", trace-cmd's "CPU:3 [12 EVENTS DROPPED]", and
    // both without a number.
    ++summary_.lost_marks;
    for (const absl::string_view word :
         absl::StrSplit(line.substr(line.find(' ')), absl::ByAnyChar(" []"))) {
      std::uint64_t lost = 0;
      if (absl::SimpleAtoi(word, &lost)) summary_.lost_events += lost;
    }
    return true;
  }
  std::uint32_t cpus = 0;
  absl::string_view count = line;
  if (absl::ConsumePrefix(&count, "cpus=") && absl::SimpleAtoi(count, &cpus)) {
    summary_.cpus = cpus;
    return true;
  }
  return absl::StartsWith(line, "version = ") ||
         (absl::StartsWith(line, "CPU ") && absl::EndsWith(line, " is empty"));
}

// "# entries-in-buffer/entries-written: 186/186   #P:4"
void FtraceReader::ReadHeader(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "# entries-in-buffer/entries-written:")) {
    return;
  }
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" /"), absl::SkipEmpty());
  if (words.size() != 3) return;
  std::uint64_t in_buffer = 0;
  std::uint64_t written = 0;
  std::uint32_t cpus = 0;
  if (absl::SimpleAtoi(words[0], &in_buffer) &&
      absl::SimpleAtoi(words[1], &written)) {
    summary_.entries_in_buffer = in_buffer;
    summary_.entries_written = written;
  }
  if (absl::SimpleAtoi(absl::StripPrefix(words[2], "#P:"), &cpus)) {
    summary_.cpus = cpus;
  }
}

std::optional<CpuhpEvent> ParseCpuhpEvent(const FtraceRecord& record) {
  const auto name =
      std::find(kCpuhpNames.begin(), kCpuhpNames.end(), record.event);
  if (name == kCpuhpNames.end()) return std::nullopt;
  CpuhpEvent event;
  event.kind = static_cast<CpuhpEvent::Kind>(name - kCpuhpNames.begin());
  absl::string_view text = record.fields;
  std::int32_t cpu = 0;
  if (!TakeField(&text, "cpu", &cpu) || cpu < 0) return std::nullopt;
  event.cpu = kernel::CpuId{static_cast<std::uint32_t>(cpu)};
  const bool read = event.kind == CpuhpEvent::Kind::kExit
                        ? TakeField(&text, "state", &event.state) &&
                              TakeField(&text, "step", &event.step) &&
                              TakeField(&text, "ret", &event.ret)
                        : TakeField(&text, "target", &event.target) &&
                              TakeField(&text, "step", &event.step);
  if (!read) return std::nullopt;
  return event;
}

std::string CpuhpEventText(const CpuhpEvent& event) {
  const absl::string_view name =
      kCpuhpNames[static_cast<std::size_t>(event.kind)];
  if (event.kind == CpuhpEvent::Kind::kExit) {
    return absl::StrFormat("%s: cpu: %04u state: %d step: %d ret: %d", name,
                           event.cpu.value, event.state, event.step, event.ret);
  }
  return absl::StrFormat("%s: cpu: %04u target: %d step: %d", name,
                         event.cpu.value, event.target, event.step);
}

}  // namespace belfry::trace
