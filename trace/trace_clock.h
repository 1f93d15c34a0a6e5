// The times of a trace as people find them in it: a kernel's own seconds, which
// its lines show; of ours the seconds since the first event.
#ifndef BELFRY_TRACE_TRACE_CLOCK_H_
#define BELFRY_TRACE_TRACE_CLOCK_H_

#include <cstdint>

#include "belfry/v1/report.pb.h"

namespace belfry::trace {

class TraceClock {
 public:
  explicit TraceClock(const v1::TraceReport& trace);

  double At(const v1::TraceEvent& event) const;
  // Of the earliest and of the latest event; 0 when there is none.
  double begin() const { return Seconds(first_us_); }
  double end() const { return Seconds(last_us_); }

 private:
  double Seconds(std::int64_t us) const {
    return static_cast<double>(us - origin_us_) / 1e6;
  }

  std::int64_t first_us_ = 0;
  std::int64_t last_us_ = 0;
  std::int64_t origin_us_ = 0;
};

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_TRACE_CLOCK_H_
