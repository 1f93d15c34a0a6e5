#include "node/functions.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernel/functions.h"

namespace belfry::node {
namespace {

using kernel::Errno;

constexpr std::size_t kNamesMax = 1024;
constexpr std::size_t kNameLengthMax = 64;
constexpr std::int64_t kSpinMaxUs = 10'000'000;

bool IsName(const std::string& name) {
  if (name.empty() || name.size() > kNameLengthMax) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
         std::string::npos;
}

FunctionResult Nop(const FunctionCall&) { return {}; }

FunctionResult Echo(const FunctionCall& call) {
  return {.payload = call.payload};
}

// Burns the CPU, as a handler that takes its time does.
FunctionResult Spin(const FunctionCall& call) {
  std::int64_t us = 0;
  if (!absl::SimpleAtoi(call.payload, &us) || us < 0 || us > kSpinMaxUs) {
    return {.error = Errno::kEinval,
            .payload = absl::StrCat("give it the microseconds, 0 to ",
                                    kSpinMaxUs, ", as its payload")};
  }
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::microseconds(us);
  while (std::chrono::steady_clock::now() < end) {
  }
  return {};
}

}  // namespace

Functions::Functions() {
  // A function runs on the CPU's thread while the loop learns names: what is
  // there stays where it is.
  entries_.reserve(kNamesMax);
  const Function builtin[] = {Nop, Echo, Spin, Nop, nullptr, Nop, Nop};
  for (std::size_t i = 0; i < kernel::kBuiltinFunctions.size(); ++i) {
    const std::string name(kernel::kBuiltinFunctions[i]);
    const bool spin = i == kernel::kSpin.value;
    entries_.push_back(
        {name, spin ? Duration::kLong : Duration::kShort, builtin[i]});
    ids_[name] = kernel::FuncId{static_cast<std::uint16_t>(i)};
  }
}

absl::Status Functions::Register(const std::string& name, Duration duration,
                                 Function function) {
  if (!IsName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "function name '", name, "': 1 to ", kNameLengthMax,
        " of lower-case letters, digits and underscores are right"));
  }
  const auto id = Intern(name);
  if (!id) return absl::ResourceExhaustedError("too many functions");
  Entry& entry = entries_[id->value];
  if (entry.function) {
    return absl::AlreadyExistsError(
        absl::StrCat("function ", name, " is registered already"));
  }
  entry.duration = duration;
  entry.function = std::move(function);
  return absl::OkStatus();
}

std::optional<kernel::FuncId> Functions::Intern(const std::string& name) {
  const auto known = ids_.find(name);
  if (known != ids_.end()) return known->second;
  if (entries_.size() >= kNamesMax || !IsName(name)) return std::nullopt;
  const kernel::FuncId id{static_cast<std::uint16_t>(entries_.size())};
  entries_.push_back({name});
  ids_[name] = id;
  return id;
}

bool Functions::IsLinked(kernel::FuncId id) const {
  return static_cast<bool>(entries_[id.value].function);
}

bool Functions::IsLong(kernel::FuncId id) const {
  return entries_[id.value].duration == Duration::kLong;
}

const std::string& Functions::NameOf(kernel::FuncId id) const {
  return entries_[id.value].name;
}

FunctionResult Functions::Run(kernel::FuncId id,
                              const FunctionCall& call) const {
  const Entry& entry = entries_[id.value];
  if (!entry.function) return Unknown();
  return entry.function(call);
}

FunctionResult Functions::Unknown() const {
  return {.error = Errno::kEnosys,
          .payload = absl::StrCat("it is unknown; known are ",
                                  absl::StrJoin(names(), ", "))};
}

std::vector<std::string> Functions::names() const {
  std::vector<std::string> result;
  for (const Entry& entry : entries_) {
    if (entry.function) result.push_back(entry.name);
  }
  return result;
}

}  // namespace belfry::node
