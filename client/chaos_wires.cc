#include "client/chaos_wires.h"

#include <algorithm>

namespace belfry::client {
namespace {

void Worsen(const ChaosFault& fault, Wire* wire) {
  switch (fault.kind) {
    case ChaosKind::kPartition:
    case ChaosKind::kOneWay:
    case ChaosKind::kIsolate:
      wire->cut = true;
      return;
    case ChaosKind::kReset:
      wire->reset = true;
      return;
    case ChaosKind::kLoss:
      wire->loss = std::max(wire->loss, fault.percent);
      return;
    case ChaosKind::kDelay:
      wire->delay = std::max(wire->delay, fault.delay);
      return;
    case ChaosKind::kDuplicate:
      wire->duplicate = std::max(wire->duplicate, fault.percent);
      return;
    case ChaosKind::kReorder:
      wire->held_back = std::max(wire->held_back, fault.percent);
      wire->hold = std::max(wire->hold, fault.delay);
      return;
    default:
      return;
  }
}

}  // namespace

Wires::Wires(std::size_t hosts, const std::vector<ChaosFault>& faults)
    : Wires(hosts) {
  for (const ChaosFault& fault : faults) {
    for (const ChaosHost from : fault.side) {
      for (const ChaosHost to : fault.others) {
        Worsen(fault, &wires_[from * hosts_ + to]);
        if (fault.kind == ChaosKind::kOneWay) continue;
        Worsen(fault, &wires_[to * hosts_ + from]);
      }
    }
  }
}

}  // namespace belfry::client
