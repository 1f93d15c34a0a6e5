#include "client/torture_threads.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "belfry/v1/node.grpc.pb.h"
#include "client/collect.h"
#include "client/duration.h"
#include "client/fan_out.h"

namespace belfry::client {
namespace {

using CpuStub = v1::CpuService::Stub;

constexpr absl::Duration kRpcTimeout = absl::Seconds(5);

// Protobuf's merge overwrites numbers: they are taken field by field.
template <typename Operation>
void Apply(Operation operation, const v1::TortureCounts& counts,
           v1::TortureCounts* sum) {
  const auto* descriptor = v1::TortureCounts::descriptor();
  const auto* reflection = v1::TortureCounts::GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (field->is_repeated()) continue;
    reflection->SetUInt64(sum, field,
                          operation(reflection->GetUInt64(*sum, field),
                                    reflection->GetUInt64(counts, field)));
  }
  for (const auto& [context, count] : counts.ran()) {
    std::uint64_t& ran = (*sum->mutable_ran())[context];
    ran = operation(ran, count);
  }
}

void Add(const v1::TortureCounts& counts, v1::TortureCounts* sum) {
  Apply(std::plus<std::uint64_t>(), counts, sum);
}

std::vector<std::string> AddressesOf(const v1::Cluster& cluster) {
  std::vector<std::string> addresses;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    const auto address = AddressOf(cpu);
    if (address.ok()) addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace

TortureThreads::TortureThreads(v1::Torture torture, std::uint32_t nthreads,
                               std::uint32_t cpus)
    : torture_(std::move(torture)), nthreads_(nthreads), cpus_(cpus) {}

void TortureThreads::RememberBefore(const v1::Cluster& cluster) {
  for (const auto& answer :
       FanOut<v1::CpuService>(AddressesOf(cluster), &CpuStub::AsyncGetTorture,
                              v1::GetTortureRequest(), kRpcTimeout)) {
    if (answer.ok()) Add(answer->status().counts(), &before_);
  }
}

absl::Status TortureThreads::StartMissing(const v1::Cluster& cluster) {
  std::vector<v1::CpuInfo> missing;
  std::vector<std::string> addresses;
  std::vector<v1::SetTortureRequest> requests;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    const auto address = AddressOf(cpu);
    if (!address.ok()) continue;
    const Life& life = lives_[cpu.cpu()];
    if (life.running && life.incarnation == cpu.incarnation()) continue;
    missing.push_back(cpu);
    addresses.push_back(*address);
    v1::Torture& torture = *requests.emplace_back().mutable_torture();
    torture = torture_;
    // Thread t is bound to CPU t modulo the CPUs.
    torture.set_threads((nthreads_ + cpus_ - 1 - cpu.cpu()) / cpus_);
  }
  auto answers = FanOutEach<v1::CpuService>(
      addresses, &CpuStub::AsyncSetTorture, requests, kRpcTimeout);
  absl::Status status;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    status.Update(answers[i].status());
    if (!answers[i].ok()) continue;
    Life& life = lives_[missing[i].cpu()];
    if (life.incarnation != missing[i].incarnation()) End(&life);
    life = {missing[i].incarnation(), /*running=*/true,
            std::move(*answers[i]->mutable_status())};
  }
  return status;
}

void TortureThreads::Stop(const v1::Cluster& cluster) {
  FanOut<v1::CpuService>(AddressesOf(cluster), &CpuStub::AsyncSetTorture,
                         v1::SetTortureRequest(), kRpcTimeout);
}

void TortureThreads::Resume() {
  for (auto& [cpu, life] : lives_) life.running = false;
}

void TortureThreads::End(Life* life) {
  Add(life->status.counts(), &ended_);
  *life = {};
}

void TortureThreads::Refresh(const v1::Cluster& cluster) {
  std::vector<v1::CpuInfo> cpus;
  std::vector<std::string> addresses;
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    const auto address = AddressOf(cpu);
    if (!address.ok()) continue;
    Life& life = lives_[cpu.cpu()];
    if (life.incarnation != cpu.incarnation()) {
      End(&life);
      continue;
    }
    cpus.push_back(cpu);
    addresses.push_back(*address);
  }
  auto answers = FanOut<v1::CpuService>(addresses, &CpuStub::AsyncGetTorture,
                                        v1::GetTortureRequest(), kRpcTimeout);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) continue;
    lives_[cpus[i].cpu()].status = std::move(*answers[i]->mutable_status());
  }
}

v1::TortureCounts TortureThreads::Sum() const {
  v1::TortureCounts sum = ended_;
  for (const auto& [cpu, life] : lives_) Add(life.status.counts(), &sum);
  Apply(std::minus<std::uint64_t>(), before_, &sum);
  return sum;
}

absl::Duration TortureThreads::LongestWait() const {
  absl::Duration longest;
  for (const auto& [cpu, life] : lives_) {
    longest = std::max(longest, FromProto(life.status.waiting_longest()));
  }
  return longest;
}

std::uint64_t TortureThreads::Waiting() const {
  std::uint64_t waiting = 0;
  for (const auto& [cpu, life] : lives_) waiting += life.status.waiting();
  return waiting;
}

}  // namespace belfry::client
