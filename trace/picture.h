// A space-time diagram in text: time runs downwards, a lane for the coordinator
// and one for each CPU, doorbells are arrows between the lanes.
#ifndef BELFRY_TRACE_PICTURE_H_
#define BELFRY_TRACE_PICTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"

namespace belfry::trace {

struct PictureOptions {
  bool color = false;
  // Columns of the terminal.
  int width = 100;
  // Nothing outside ASCII.
  bool ascii = false;
};

// `events` are in causal order; `cpus` is the number of possible CPUs. Ends
// with a legend of the signs that were used.
std::string DrawPicture(const std::vector<v1::TraceEvent>& events,
                        std::uint32_t cpus, const PictureOptions& options = {});

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_PICTURE_H_
