#include "kernel/cpumask.h"

#include <bit>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace belfry::kernel {
namespace {

constexpr std::uint32_t kBits = 64;

std::uint64_t Bit(CpuId cpu) { return std::uint64_t{1} << (cpu.value % kBits); }

absl::StatusOr<std::uint32_t> ParseCpu(absl::string_view text,
                                       absl::string_view list) {
  std::uint32_t value = 0;
  if (text.empty() ||
      !absl::ascii_isdigit(static_cast<unsigned char>(text[0])) ||
      !absl::SimpleAtoi(text, &value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("CPU list '", list, "': '", text,
                     "' is no CPU number; a list is like 0-2,5"));
  }
  if (value >= kMaxCpus) {
    return absl::InvalidArgumentError(
        absl::StrCat("CPU list '", list, "': CPU ", value,
                     " is beyond the highest possible, ", kMaxCpus - 1));
  }
  return value;
}

}  // namespace

CpuMask::CpuMask(std::initializer_list<std::uint32_t> cpus) {
  for (std::uint32_t cpu : cpus) Add(CpuId{cpu});
}

CpuMask CpuMask::FirstN(std::uint32_t count) {
  CpuMask mask;
  for (std::uint32_t i = 0; i < count; ++i) mask.Add(CpuId{i});
  return mask;
}

void CpuMask::Add(CpuId cpu) {
  const std::size_t word = cpu.value / kBits;
  if (word >= words_.size()) words_.resize(word + 1);
  words_[word] |= Bit(cpu);
}

void CpuMask::Remove(CpuId cpu) {
  const std::size_t word = cpu.value / kBits;
  if (word >= words_.size()) return;
  words_[word] &= ~Bit(cpu);
  while (!words_.empty() && words_.back() == 0) words_.pop_back();
}

bool CpuMask::Has(CpuId cpu) const {
  const std::size_t word = cpu.value / kBits;
  return word < words_.size() && (words_[word] & Bit(cpu)) != 0;
}

std::uint32_t CpuMask::count() const {
  int n = 0;
  for (std::uint64_t word : words_) n += std::popcount(word);
  return static_cast<std::uint32_t>(n);
}

std::optional<CpuId> CpuMask::first() const {
  if (Has(CpuId{0})) return CpuId{0};
  return next(CpuId{0});
}

std::optional<CpuId> CpuMask::next(CpuId cpu) const {
  const auto end = static_cast<std::uint32_t>(words_.size()) * kBits;
  for (std::uint32_t i = cpu.value + 1; i < end; ++i) {
    if (Has(CpuId{i})) return CpuId{i};
  }
  return std::nullopt;
}

std::vector<CpuId> CpuMask::cpus() const {
  std::vector<CpuId> result;
  for (auto cpu = first(); cpu; cpu = next(*cpu)) result.push_back(*cpu);
  return result;
}

bool CpuMask::IsSubsetOf(const CpuMask& other) const {
  for (CpuId cpu : cpus()) {
    if (!other.Has(cpu)) return false;
  }
  return true;
}

std::string FormatCpuList(const CpuMask& mask) {
  std::string text;
  for (auto from = mask.first(); from;) {
    CpuId to = *from;
    auto after = mask.next(to);
    while (after && after->value == to.value + 1) {
      to = *after;
      after = mask.next(to);
    }
    absl::StrAppend(&text, text.empty() ? "" : ",", from->value);
    if (to != *from) absl::StrAppend(&text, "-", to.value);
    from = after;
  }
  return text;
}

absl::StatusOr<CpuMask> ParseCpuList(absl::string_view text) {
  CpuMask mask;
  const absl::string_view list = absl::StripAsciiWhitespace(text);
  if (list.empty()) return mask;
  for (absl::string_view part : absl::StrSplit(list, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    const bool range = part.find('-') != absl::string_view::npos;
    auto from = ParseCpu(ends.first, list);
    if (!from.ok()) return from.status();
    auto to = range ? ParseCpu(ends.second, list) : from;
    if (!to.ok()) return to.status();
    if (*to < *from) {
      return absl::InvalidArgumentError(absl::StrCat(
          "CPU list '", list, "': the range ", part, " runs downwards"));
    }
    for (std::uint32_t cpu = *from; cpu <= *to; ++cpu) mask.Add(CpuId{cpu});
  }
  return mask;
}

}  // namespace belfry::kernel
