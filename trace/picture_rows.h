// What a picture shows, before it is drawn: the rows, from the top down.
#ifndef BELFRY_TRACE_PICTURE_ROWS_H_
#define BELFRY_TRACE_PICTURE_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"

namespace belfry::trace {

enum class Sign {
  kAct,   // somebody does something
  kLost,  // a doorbell is destroyed
};

struct Mark {
  // Absent: the coordinator.
  std::optional<std::uint32_t> cpu;
  Sign sign = Sign::kAct;
};

struct Arrow {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  // A doorbell; else only a call that enters the queue.
  bool rings = false;
};

// How a CPU's lane looks after the row's event.
struct Lane {
  bool masked = false;
  bool parked = false;
};

struct Row {
  std::int64_t us = 0;
  std::vector<Mark> marks;
  std::optional<Arrow> arrow;
  // A queue's new length.
  std::optional<std::pair<std::uint32_t, std::int64_t>> depth;
  std::vector<Lane> lanes;
  std::string text;
  // What went wrong, and not only what happened.
  bool alarm = false;
};

// One row for each event that a person wants to see; what several CPUs do at
// once is one row, and so is a run of equal calls after its first.
std::vector<Row> MakeRows(const std::vector<v1::TraceEvent>& events,
                          std::uint32_t cpus);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_PICTURE_ROWS_H_
