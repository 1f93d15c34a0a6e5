#include "trace/operation_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trace/report_text.h"
#include "trace/time_text.h"

namespace belfry::trace {
namespace {

absl::string_view PastTense(v1::Operation::Kind kind) {
  switch (kind) {
    case v1::Operation::KIND_ONLINE:
      return "onlined";
    case v1::Operation::KIND_OFFLINE:
      return "offlined";
    default:
      return "stopped";
  }
}

std::string SubjectText(const v1::Operation& operation) {
  return operation.kind() == v1::Operation::KIND_STOP_MACHINE
             ? "machine"
             : absl::StrCat("cpu/", operation.cpus());
}

}  // namespace

std::string WhatText(const v1::Operation& operation) {
  switch (operation.kind()) {
    case v1::Operation::KIND_ONLINE:
      return absl::StrCat("online cpu ", operation.cpus());
    case v1::Operation::KIND_OFFLINE:
      return absl::StrCat("offline cpu ", operation.cpus());
    default:
      return absl::StrCat("stop machine for cpu ", operation.cpus());
  }
}

std::string OutcomeText(const v1::Operation& operation) {
  const std::string subject = SubjectText(operation);
  const std::string rounds =
      operation.rounds() > 1 ? CountText(operation.rounds(), "round") : "";
  if (operation.result() != "0") {
    return absl::StrCat(
        subject, " not ", PastTense(operation.kind()), ": ", operation.result(),
        operation.message().empty() ? "" : ": ", operation.message(),
        rounds.empty() ? "" : absl::StrCat(" (", rounds, ")"));
  }
  std::vector<std::string> facts = {"already was"};
  if (!operation.unchanged()) {
    const auto& d = operation.duration();
    facts = {DurationText(static_cast<double>(d.seconds()) + d.nanos() * 1e-9)};
  }
  if (operation.calls_flushed() > 0) {
    facts.push_back(CountText(operation.calls_flushed(), "call") + " flushed");
  }
  if (!rounds.empty()) facts.push_back(rounds);
  return absl::StrCat(subject, " ", PastTense(operation.kind()), " (",
                      absl::StrJoin(facts, ", "), ")");
}

}  // namespace belfry::trace
