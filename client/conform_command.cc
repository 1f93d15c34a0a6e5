// belfry conform: the emulated machine beside a recording of a real kernel.
#include <sstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/files.h"
#include "kernel/cpuhp.h"
#include "lab/conform.h"

namespace belfry::client {
namespace {

absl::StatusOr<kernel::CpuhpState> ParseStep(const std::string& text) {
  if (text.empty()) return kernel::kCpuhpInvalid;
  kernel::CpuhpState number = 0;
  if (absl::SimpleAtoi(text, &number)) return number;
  const kernel::CpuhpTable table(kernel::Steps::kCpuhp612);
  if (const kernel::CpuhpStep* step = table.FindByName(text)) {
    return step->state;
  }
  return UsageError(absl::StrCat(
      "--fail: no step '", text, "' in Linux 6.12; 0-", table.online(),
      ", or a name such as ", std::string(table.Find(190)->name)));
}

absl::StatusOr<v1::ConformReport> JudgeFile(const ConformOptions& options) {
  const auto fail = ParseStep(options.fail);
  if (!fail.ok()) return fail.status();
  const bool table = !options.fail_table.empty();
  if (!table && options.recording.empty()) {
    return UsageError("what is to be judged? give a FILE or --fail-table FILE");
  }
  const std::string& name = table ? options.fail_table : options.recording;
  const auto text = ReadFile(name);
  if (!text.ok()) return UsageError(text.status().message());
  std::istringstream in(*text);
  const lab::ConformOptions asked = {
      .cpu = options.cpu, .online = options.online, .fail = *fail};
  auto report = table ? lab::ConformToFailTable(in, name, asked)
                      : lab::ConformToRecording(in, name, asked);
  if (report.ok()) return report;
  return report.status().code() == absl::StatusCode::kDataLoss
             ? WithExitCode(report.status(), kExitBadFile)
             : UsageError(report.status().message());
}

std::string OrNothingMore(const std::string& text) {
  return text.empty() ? "nothing more" : text;
}

void PrintConformance(const v1::ConformReport& report, bool table,
                      Output& out) {
  const std::string what =
      absl::StrCat(report.file(), ": ", report.operation(), " of cpu ",
                   report.cpu(), " on ", report.profile());
  const std::string things = table ? " rows" : " cpuhp events";
  if (report.conforms()) {
    out.Line(absl::StrCat(what, ": all ", report.compared(), things,
                          " as recorded"));
    return;
  }
  for (const v1::ConformReport::Difference& difference : report.differences()) {
    out.Line(absl::StrCat(what, " differs at ", table ? "row " : "event ",
                          difference.number(), " of ", report.compared(),
                          difference.has_line()
                              ? absl::StrCat(", line ", difference.line())
                              : ""));
    if (!difference.before().empty()) {
      out.Line(absl::StrCat("  after     ", difference.before()));
    }
    out.Line(
        absl::StrCat("  recorded  ", OrNothingMore(difference.recorded())));
    out.Line(
        absl::StrCat("  emulated  ", OrNothingMore(difference.emulated())));
  }
}

}  // namespace

ExitCode Run(Context& context, const ConformOptions& options) {
  const auto report = JudgeFile(options);
  if (!report.ok()) return report.status();
  if (context.out.json()) {
    context.out.Json(*report);
  } else {
    PrintConformance(*report, !options.fail_table.empty(), context.out);
  }
  return report->conforms() ? kExitOk : kExitFailed;
}

}  // namespace belfry::client
