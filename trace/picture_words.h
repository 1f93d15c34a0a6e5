// What a picture says of an event, where that takes nothing but the event.
#ifndef BELFRY_TRACE_PICTURE_WORDS_H_
#define BELFRY_TRACE_PICTURE_WORDS_H_

#include <string>
#include <vector>

#include "belfry/v1/debug.pb.h"
#include "trace/picture_rows.h"

namespace belfry::trace {

struct Words {
  std::string text;
  bool alarm = false;
  // Empty: the event's CPU, or the coordinator, does something.
  std::vector<Mark> marks;
  // The watchdog rings.
  bool rings = false;
  // It takes all that is in its CPU's queue.
  bool takes_queue = false;
  // Set: what one CPU does is `text` without its name, what several do is this.
  std::string many;
};

// Whether there are words for events of its name.
bool HasWords(const v1::TraceEvent& event);
// For an event that has words.
Words WordsOf(const v1::TraceEvent& event);

// "CPU 3": where it happened, and whom it is about.
std::string Actor(const v1::TraceEvent& event);
std::string Target(const v1::TraceEvent& event);

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_PICTURE_WORDS_H_
