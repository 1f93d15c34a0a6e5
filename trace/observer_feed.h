// Feeds a trace to the observer of kernel/invariants.h, which wants to see
// everything: what a trace lacks is taken to have been in order.
#ifndef BELFRY_TRACE_OBSERVER_FEED_H_
#define BELFRY_TRACE_OBSERVER_FEED_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "belfry/v1/debug.pb.h"
#include "kernel/ids.h"
#include "kernel/invariants.h"
#include "kernel/trace_event.h"

namespace belfry::trace {

class ObserverFeed {
 public:
  // `events` are all of the trace. `cut`: some that were before or between them
  // are missing.
  template <typename Events>
  ObserverFeed(const Events& events, bool cut) : cut_(cut) {
    std::map<std::uint32_t, std::size_t> last;
    std::size_t position = 0;
    for (const v1::TraceEvent& event : events) {
      if (event.name() == "cpu_crashed") died_.insert({event.about_cpu()});
      if (event.has_cpu()) {
        const auto before = last.find(event.cpu());
        if (event.lost() > 0 && before != last.end()) {
          lost_behind_.insert(before->second);
        }
        last[event.cpu()] = position;
      }
      ++position;
    }
  }

  // From the first event of every process to its last: what dies takes its last
  // events with it.
  bool whole() const { return !cut_ && died_.empty(); }

  // Every event, in order.
  void Observe(const v1::TraceEvent& event);

  const kernel::Violations& violations() const {
    return observer_.violations();
  }

 private:
  kernel::TraceEvent Read(kernel::TraceKind kind,
                          const v1::TraceEvent& event) const;
  void Tell(const v1::TraceEvent& event);
  void TellCrash(kernel::CpuId cpu, std::uint64_t incarnation);
  void EndLife(kernel::CpuId cpu);
  bool IsOfThisLife(kernel::CpuId cpu, const v1::TraceEvent& event,
                    kernel::TraceKind kind);
  void SupplySending(kernel::CpuId cpu, const kernel::TraceEvent& entry);

  bool cut_;
  // Positions of the events behind which their CPU's ring has lost some. From
  // there on nothing is known of it, and not only from its next event on: in
  // causal order that may stand far behind what others did meanwhile.
  std::set<std::size_t> lost_behind_;
  std::size_t position_ = 0;
  std::set<kernel::CpuId> died_;
  std::map<kernel::CpuId, std::uint64_t> crashes_;
  // The latest of each CPU that was seen, and those that the coordinator has
  // held for dead. Older traces do not tell lives.
  std::map<kernel::CpuId, std::uint64_t> lives_;
  std::set<std::pair<kernel::CpuId, std::uint64_t>> crashed_;
  // CPUs of which the observer has heard.
  std::set<kernel::CpuId> known_;
  // By target: the calls that the observer knows to be sent to its process.
  std::map<kernel::CpuId, std::set<kernel::CsdKey>> sent_;
  kernel::TraceObserver observer_;
};

}  // namespace belfry::trace

#endif  // BELFRY_TRACE_OBSERVER_FEED_H_
