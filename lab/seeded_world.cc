#include "lab/seeded_world.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace belfry::lab {
namespace {

void AppendTraceLine(std::string* out, std::optional<kernel::CpuId> cpu,
                     const kernel::TraceEvent& e) {
  absl::StrAppend(out, "cpu ", cpu ? static_cast<std::int64_t>(cpu->value) : -1,
                  " ", kernel::TraceName(e.kind));
  if (e.about) absl::StrAppend(out, " about=", e.about->value);
  if (e.csd) {
    absl::StrAppend(out, " csd=", e.csd->src.value, ".",
                    e.csd->src_incarnation.value, ".", e.csd->seq);
  }
  absl::StrAppend(out, " ", e.value, " ", e.value2, " ", e.detail,
                  e.irqs_masked ? " masked\n" : "\n");
}

}  // namespace

SeededWorld::SeededWorld(SeededOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      world_({.profile = options_.profile,
              .cpus = options_.cpus,
              .split_doorbell = options_.split_doorbell,
              .queue_capacity = options_.queue_capacity}),
      referee_(options_.cpus) {}

void SeededWorld::BootAll() {
  Run();
  for (std::uint32_t cpu = 1; cpu < options_.cpus; ++cpu) Online(cpu);
  Run();
}

kernel::OpId SeededWorld::Online(std::uint32_t cpu) {
  return Ask({.kind = kernel::OpKind::kOnline, .cpu = {cpu}});
}

kernel::OpId SeededWorld::Offline(std::uint32_t cpu) {
  return Ask({.kind = kernel::OpKind::kOffline, .cpu = {cpu}});
}

Choose SeededWorld::Chooser() {
  return [this](std::uint64_t bound) { return random_.Below(bound); };
}

void SeededWorld::Crash(std::uint32_t cpu) {
  if (world_.Crash(cpu, Chooser())) referee_.Forget(cpu);
}

void SeededWorld::BreakData(std::uint32_t from, std::uint32_t to) {
  world_.BreakData(from, to, Chooser());
}

void SeededWorld::BreakControl(std::uint32_t cpu) {
  world_.BreakControl(cpu, Chooser());
}

void SeededWorld::CrashCoordinator() {
  Happenings happenings;
  world_.CrashCoordinator(Chooser(), happenings);
  See(happenings);
}

bool SeededWorld::Step() {
  std::vector<Move> enabled;
  std::vector<Move> late;
  for (const Move move : world_.Enabled()) {
    const bool ring =
        world_.pending()[move.place].lane.kind == Lane::Kind::kRing;
    (ring ? late : enabled).push_back(move);
  }
  const bool rings_wait =
      static_cast<int>(random_.Below(10)) < options_.doorbell_lateness;
  if (!rings_wait || enabled.empty()) {
    enabled.insert(enabled.end(), late.begin(), late.end());
  }
  if (enabled.empty()) return false;
  Happenings happenings;
  world_.Apply(enabled[random_.Below(enabled.size())], &happenings);
  See(happenings);
  ++moves_;
  return true;
}

bool SeededWorld::RunUntil(const std::function<bool()>& done) {
  for (int i = 0; i < 200000; ++i) {
    if (done()) return true;
    if (!Step()) return false;
  }
  return false;
}

void SeededWorld::Run() {
  RunUntil([] { return false; });
}

void SeededWorld::Settle() {
  std::size_t before = 0;
  do {
    Run();
    before = ended_calls_.size() + ended_ops_.size();
    for (int i = 0; i < 3; ++i) {
      PassTime();
      Run();
    }
  } while (ended_calls_.size() + ended_ops_.size() != before);
}

void SeededWorld::See(const Happenings& happenings) {
  referee_.See(happenings);
  for (const Happening& h : happenings) {
    if (const auto* event = std::get_if<kernel::TraceEvent>(&h.what)) {
      AppendTraceLine(&trace_, h.cpu, *event);
    } else if (const auto* call = std::get_if<kernel::CallEnded>(&h.what)) {
      ended_calls_[call->token] = *call;
    } else if (const auto* op = std::get_if<kernel::Operation>(&h.what)) {
      ended_ops_[op->id] = *op;
    }
  }
}

void SeededWorld::Judge(bool at_rest) {
  referee_.Record(world_, absl::StrCat("after ", moves_, " deliveries"),
                  at_rest);
}

}  // namespace belfry::lab
