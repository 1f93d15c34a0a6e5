#include "trace/trace_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "belfry/v1/trace.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "kernel/ids.h"
#include "trace/ftrace_import.h"

namespace belfry::trace {
namespace {

using google::protobuf::io::ArrayInputStream;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

constexpr absl::string_view kMagic = "belfry trace\n";
constexpr std::uint32_t kVersion = 1;
// One record. An event has a few names and numbers, the header a profile.
constexpr std::uint32_t kMaxRecordBytes = 1 << 20;
// A file. The coded stream counts in int.
constexpr std::size_t kMaxFileBytes = 1 << 30;

absl::Status Damaged(absl::string_view what, std::size_t byte) {
  return absl::InvalidArgumentError(
      absl::StrCat("a Belfry trace, damaged at byte ", byte, ": ", what));
}

// The records of a file, one after another.
class RecordReader {
 public:
  explicit RecordReader(absl::string_view bytes)
      : size_(bytes.size()),
        array_(bytes.data(), static_cast<int>(bytes.size())),
        stream_(&array_) {
    stream_.Skip(static_cast<int>(kMagic.size()));
  }

  std::size_t position() { return stream_.CurrentPosition(); }
  bool at_end() { return position() == size_; }
  // Records read.
  std::uint64_t count() const { return count_; }

  absl::Status Read(v1::TraceFileRecord* record) {
    const std::size_t begin = position();
    std::uint32_t length = 0;
    if (!stream_.ReadVarint32(&length)) return CutOff();
    if (length > kMaxRecordBytes) {
      return Damaged(absl::StrCat("record ", count_ + 1, " of ", length,
                                  " bytes; the largest has ", kMaxRecordBytes),
                     begin);
    }
    if (size_ - position() < length) return CutOff();
    const auto limit = stream_.PushLimit(static_cast<int>(length));
    const bool good =
        record->ParseFromCodedStream(&stream_) &&
        stream_.ConsumedEntireMessage() &&
        record->record_case() != v1::TraceFileRecord::RECORD_NOT_SET;
    stream_.PopLimit(limit);
    ++count_;
    if (good) return absl::OkStatus();
    return Damaged(absl::StrCat("record ", count_, " makes no sense"), begin);
  }

  absl::Status CutOff() const {
    return absl::InvalidArgumentError(
        absl::StrCat("a Belfry trace, cut off at byte ", size_, ", ", count_,
                     " whole records before"));
  }

 private:
  std::size_t size_;
  std::uint64_t count_ = 0;
  ArrayInputStream array_;
  CodedInputStream stream_;
};

absl::StatusOr<v1::TraceMachine> ReadHeader(RecordReader& reader) {
  const std::size_t begin = reader.position();
  v1::TraceFileRecord record;
  if (const absl::Status read = reader.Read(&record); !read.ok()) return read;
  if (!record.has_header()) return Damaged("it has no header", begin);
  if (record.header().version() != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("a Belfry trace of version ", record.header().version(),
                     "; this program reads version ", kVersion));
  }
  return record.header().machine();
}

absl::StatusOr<v1::TraceReport> ReadBelfryTrace(absl::string_view bytes) {
  RecordReader reader(bytes);
  const absl::StatusOr<v1::TraceMachine> machine = ReadHeader(reader);
  if (!machine.ok()) return machine.status();
  v1::TraceReport trace;
  *trace.mutable_machine() = *machine;
  while (!reader.at_end()) {
    const std::size_t begin = reader.position();
    v1::TraceFileRecord record;
    if (const absl::Status read = reader.Read(&record); !read.ok()) return read;
    if (record.has_header()) return Damaged("a second header", begin);
    if (record.has_event()) {
      *trace.add_events() = std::move(*record.mutable_event());
      continue;
    }
    const auto events = static_cast<std::uint64_t>(trace.events_size());
    if (record.end().events() != events) {
      return Damaged(absl::StrCat("its end counts ", record.end().events(),
                                  " events, and there are ", events),
                     begin);
    }
    if (!reader.at_end()) {
      return Damaged("more follows after its end", reader.position());
    }
    trace.set_overwritten(record.end().overwritten());
    *trace.mutable_problems() =
        std::move(*record.mutable_end()->mutable_problems());
    return trace;
  }
  return reader.CutOff();
}

// What people try to read as a trace, and what they could do instead.
struct Foreign {
  absl::string_view magic;
  absl::string_view what;
};
constexpr Foreign kForeign[] = {
    {"\x17\x08\x44tracing",
     "trace-cmd's own file: write `trace-cmd report` to a file, and read that"},
    {"PERFILE2",
     "perf's own file: record with trace-cmd, or with tracefs itself"},
    {"\x1f\x8b", "compressed by gzip: write `zcat` to a file, and read that"},
    {"\x28\xb5\x2f\xfd",
     "compressed by zstd: write `zstdcat` to a file, and read that"},
    {"\x7f"
     "ELF",
     "a program"},
};

absl::Status ForeignError(absl::string_view bytes) {
  if (bytes.empty()) return absl::InvalidArgumentError("it is empty");
  for (const Foreign& foreign : kForeign) {
    if (absl::StartsWith(bytes, foreign.magic)) {
      return absl::InvalidArgumentError(
          absl::StrCat("no trace that can be read, but ", foreign.what));
    }
  }
  return absl::InvalidArgumentError(
      "no trace: neither Belfry's own nor ftrace's text");
}

}  // namespace

TraceFormat DetectTraceFormat(absl::string_view bytes) {
  // A file that was cut off within its first line still is what it was.
  if (!bytes.empty() &&
      absl::StartsWith(kMagic, bytes.substr(0, kMagic.size()))) {
    return TraceFormat::kBelfry;
  }
  const std::size_t text = bytes.find_first_not_of(" \t\r\n");
  if (text == absl::string_view::npos) return TraceFormat::kUnknown;
  if (bytes[text] == '{' || bytes[text] == '[') return TraceFormat::kPerfetto;
  return LooksLikeFtrace(bytes) ? TraceFormat::kFtrace : TraceFormat::kUnknown;
}

namespace {

absl::StatusOr<v1::TraceReport> ReadAnyTrace(absl::string_view bytes) {
  if (bytes.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a file of ", bytes.size(),
                     " bytes; the largest trace has ", kMaxFileBytes));
  }
  switch (DetectTraceFormat(bytes)) {
    case TraceFormat::kBelfry:
      if (bytes.size() < kMagic.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("a Belfry trace, cut off at byte ", bytes.size(),
                         ", in its first line"));
      }
      return ReadBelfryTrace(bytes);
    case TraceFormat::kPerfetto:
      return absl::InvalidArgumentError(
          "JSON, which is for viewers and cannot be read back; read the trace "
          "that it was made from");
    case TraceFormat::kFtrace:
      return ReadFtraceText(bytes);
    case TraceFormat::kUnknown:
      return ForeignError(bytes);
  }
  return ForeignError(bytes);
}

// Whoever reads events may count on their CPUs' numbers.
absl::Status CheckCpus(const v1::TraceReport& trace) {
  for (int i = 0; i < trace.events_size(); ++i) {
    const v1::TraceEvent& event = trace.events(i);
    const std::uint32_t highest =
        std::max({event.cpu(), event.about_cpu(), event.src_cpu()});
    if (highest < kernel::kMaxCpus) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "a trace whose event ", i + 1, " (", event.name(), ") names CPU ",
        highest, "; the highest there can be is ", kernel::kMaxCpus - 1));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::TraceReport> ReadTrace(absl::string_view bytes) {
  absl::StatusOr<v1::TraceReport> trace = ReadAnyTrace(bytes);
  if (!trace.ok()) return trace.status();
  if (const absl::Status cpus = CheckCpus(*trace); !cpus.ok()) return cpus;
  return trace;
}

std::string WriteBelfryTrace(const v1::TraceReport& trace) {
  std::string bytes(kMagic);
  StringOutputStream output(&bytes);
  CodedOutputStream stream(&output);
  v1::TraceFileRecord record;
  const auto write = [&] {
    stream.WriteVarint32(static_cast<std::uint32_t>(record.ByteSizeLong()));
    record.SerializeToCodedStream(&stream);
  };
  record.mutable_header()->set_version(kVersion);
  *record.mutable_header()->mutable_machine() = trace.machine();
  write();
  for (const v1::TraceEvent& event : trace.events()) {
    *record.mutable_event() = event;
    write();
  }
  record.mutable_end()->set_events(trace.events_size());
  record.mutable_end()->set_overwritten(trace.overwritten());
  *record.mutable_end()->mutable_problems() = trace.problems();
  write();
  return bytes;
}

}  // namespace belfry::trace
