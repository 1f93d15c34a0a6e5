// Times of the wire as numbers and as people read them.
#ifndef BELFRY_TRACE_TIME_TEXT_H_
#define BELFRY_TRACE_TIME_TEXT_H_

#include <cstdint>
#include <string>

#include "google/protobuf/timestamp.pb.h"

namespace belfry::trace {

std::int64_t Micros(const google::protobuf::Timestamp& time);

// `later` minus `earlier`, in seconds, never below 0: the two may come from the
// clocks of different hosts. 0 when `earlier` is not set.
double SecondsBetween(const google::protobuf::Timestamp& earlier,
                      const google::protobuf::Timestamp& later);

// "412 us", "37 ms", "5.2 s", "3 min 10 s".
std::string DurationText(double seconds);

// The time of day in UTC: "20:56:01.123456".
std::string ClockText(const google::protobuf::Timestamp& time);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_TIME_TEXT_H_
