#include "client/torture_weights.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "client/duration.h"
#include "client/exit_code.h"

namespace belfry::client {
namespace {

using Weights = v1::Torture::Weights;

struct Weight {
  std::optional<std::uint32_t> TortureOptions::*option;
  void (Weights::*set)(std::uint32_t);
  // By default: so much, or so much for each CPU.
  std::uint32_t fixed;
  std::uint32_t per_cpu;
};

constexpr Weight kWeights[] = {
    {&TortureOptions::weight_single, &Weights::set_single, 0, 2},
    {&TortureOptions::weight_single_rpc, &Weights::set_single_rpc, 0, 2},
    {&TortureOptions::weight_single_wait, &Weights::set_single_wait, 0, 2},
    {&TortureOptions::weight_many, &Weights::set_many, 2, 0},
    {&TortureOptions::weight_many_wait, &Weights::set_many_wait, 2, 0},
    {&TortureOptions::weight_all, &Weights::set_all, 1, 0},
    {&TortureOptions::weight_all_wait, &Weights::set_all_wait, 1, 0},
    {&TortureOptions::weight_irq, &Weights::set_irq, 0, 4},
};

}  // namespace

absl::StatusOr<v1::Torture> TortureOf(const TortureOptions& options,
                                      std::uint32_t cpus) {
  auto weights = WeightsOf(options, cpus);
  if (!weights.ok()) return weights.status();
  v1::Torture torture;
  torture.set_seed(options.seed);
  *torture.mutable_weights() = *std::move(weights);
  if (options.longwait > absl::ZeroDuration()) {
    *torture.mutable_longwait() = ToProto(options.longwait);
  }
  if (options.stutter > absl::ZeroDuration()) {
    *torture.mutable_stutter() = ToProto(options.stutter);
  }
  return torture;
}

absl::StatusOr<Weights> WeightsOf(const TortureOptions& options,
                                  std::uint32_t cpus) {
  const bool chosen = std::any_of(
      std::begin(kWeights), std::end(kWeights),
      [&](const Weight& w) { return (options.*w.option).value_or(0) > 0; });
  Weights weights;
  std::uint64_t total = 0;
  for (const Weight& w : kWeights) {
    const std::uint32_t standard = chosen ? 0 : w.fixed + w.per_cpu * cpus;
    const std::uint32_t weight = (options.*w.option).value_or(standard);
    (weights.*w.set)(weight);
    total += weight;
  }
  if (total == 0) return UsageError("all zero weights makes no sense");
  return weights;
}

}  // namespace belfry::client
