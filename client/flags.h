// Flags and arguments with a type: each reads its text into a value, and says
// in one line what would be right. They throw CLI11's exceptions, which end in
// client/command_line.cc.
#ifndef BELFRY_CLIENT_FLAGS_H_
#define BELFRY_CLIENT_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/options.h"

namespace belfry::client {

// `given`, unless null, becomes whether it was.
void AddDuration(CLI::App* app, const std::string& name, absl::Duration* value,
                 bool* given, const std::string& help);

// Between two of something; 0s: never.
void AddInterval(CLI::App* app, const std::string& name, absl::Duration* value,
                 const std::string& help);

template <typename Value>
using Choices = std::vector<std::pair<std::string, Value>>;

// One of some words, each of which stands for a value.
template <typename Value>
CLI::Option* AddChoice(CLI::App* app, const std::string& name, Value* value,
                       const Choices<Value>& choices, const std::string& help) {
  const auto read = [=](const std::string& text) {
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices) {
      words.push_back(word);
      if (word != text) continue;
      *value = meaning;
      return;
    }
    throw CLI::ValidationError(name, absl::StrCat("'", text, "' is none of ",
                                                  absl::StrJoin(words, ", ")));
  };
  return app->add_option_function<std::string>(name, read, help);
}

// The words themselves are the values.
CLI::Option* AddWord(CLI::App* app, const std::string& name, std::string* value,
                     const std::vector<std::string>& words,
                     const std::string& help);

// Accepts "3" and, as it is printed, "cpu/3".
template <typename Value>
CLI::Option* AddCpu(CLI::App* app, const std::string& name, Value* value,
                    const std::string& help) {
  const auto read = [=](const std::string& text) {
    std::uint32_t cpu = 0;
    if (!absl::SimpleAtoi(absl::StripPrefix(text, "cpu/"), &cpu)) {
      throw CLI::ValidationError(
          name, absl::StrCat("'", text, "' is no CPU number: write 3"));
    }
    *value = cpu;
  };
  return app->add_option_function<std::string>(name, read, help)
      ->type_name("CPU");
}

template <typename Value>
struct Range {
  Value min = 0;
  Value max = std::numeric_limits<Value>::max();
};

// A whole number. CLI11 itself takes -1 for the largest one there is.
template <typename Value>
Value ReadNumber(const std::string& name, const std::string& text,
                 Range<Value> range) {
  Value number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < range.min ||
      number > range.max) {
    throw CLI::ValidationError(
        name, absl::StrCat("'", text, "' is no whole number from ", range.min,
                           " to ", range.max));
  }
  return number;
}

template <typename Value>
CLI::Option* AddNumber(CLI::App* app, const std::string& name, Value* value,
                       Range<Value> range, const std::string& help) {
  const auto read = [=](const std::string& text) {
    *value = ReadNumber(name, text, range);
  };
  return app->add_option_function<std::string>(name, read, help)
      ->type_name("N");
}

// One that may be left out.
void AddNumber(CLI::App* app, const std::string& name,
               std::optional<std::uint32_t>* value, const std::string& help);

// So many a second.
void AddRate(CLI::App* app, const std::string& name, double* value,
             const std::string& help);

// "7", or "1-1000".
void AddSeeds(CLI::App* app, const std::string& name, std::uint64_t* first,
              std::uint64_t* last, const std::string& help);

void AddSet(CLI::App* app, std::vector<std::string>* set);

// The rules of a machine; the option --profile, for who has more to say of it.
CLI::Option* AddRules(CLI::App* app, std::string* profile,
                      std::vector<std::string>* set);

void AddDoorbell(CLI::App* app, bool* split);

void AddShow(CLI::App* app, ShowOptions* show);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_FLAGS_H_
