#include "trace/call_times.h"

namespace belfry::trace {

using kernel::TraceKind;

void CallTimes::Begin(const kernel::TraceEvent& event, TimePoint now) {
  switch (event.kind) {
    case TraceKind::kCsdEnqueued:
      queue_.push_back(now);
      return;
    case TraceKind::kCsdQueueCpu:
      Issue(event, now);
      return;
    case TraceKind::kIpiLatched:
    case TraceKind::kIpiCleared:
    case TraceKind::kCallFunctionSingleEntry:
      doorbell_ = now;
      return;
    default:
      return;
  }
}

void CallTimes::Issue(const kernel::TraceEvent& event, TimePoint now) {
  kernel::SeqWindow<TimePoint>& issues = issues_[*event.about];
  // The calls to a new incarnation are numbered from 1 again.
  if (event.csd->seq < issues.next()) issues = {};
  const auto before = static_cast<kernel::Seq>(event.value);
  const TimePoint* first = issues.Find(before);
  issues.Put(event.csd->seq, first != nullptr ? *first : now);
  issues.Erase(before);
}

void CallTimes::End(const kernel::TraceEvent& event) {
  const bool ended = event.kind == TraceKind::kCsdDone ||
                     event.kind == TraceKind::kCsdRefused ||
                     event.kind == TraceKind::kCsdLost;
  if (ended && event.csd) issues_[*event.about].Erase(event.csd->seq);
}

void CallTimes::Trim(std::size_t queue_size) {
  while (queue_.size() > queue_size) queue_.pop_front();
}

void CallTimes::Shift(TimePoint::duration by) {
  for (TimePoint& time : queue_) time += by;
  for (auto& [dst, issues] : issues_) {
    issues.ForEach([&](kernel::Seq, TimePoint& time) { time += by; });
  }
  if (doorbell_ != TimePoint{}) doorbell_ += by;
}

TimePoint CallTimes::issued(kernel::CpuId dst, kernel::Seq seq) const {
  const auto issues = issues_.find(dst);
  const TimePoint* time =
      issues == issues_.end() ? nullptr : issues->second.Find(seq);
  return time == nullptr ? TimePoint{} : *time;
}

}  // namespace belfry::trace
