#include "client/flags.h"

#include <cmath>

#include "absl/strings/str_split.h"
#include "client/duration.h"

namespace belfry::client {

namespace {

absl::Duration ReadDuration(const std::string& name, const std::string& text) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (!duration.ok()) {
    throw CLI::ValidationError(name, std::string(duration.status().message()));
  }
  return *duration;
}

}  // namespace

void AddDuration(CLI::App* app, const std::string& name, absl::Duration* value,
                 bool* given, const std::string& help) {
  const auto read = [=](const std::string& text) {
    *value = ReadDuration(name, text);
    if (given != nullptr) *given = true;
  };
  app->add_option_function<std::string>(name, read, help)->type_name("TIME");
}

void AddInterval(CLI::App* app, const std::string& name, absl::Duration* value,
                 const std::string& help) {
  const auto read = [=](const std::string& text) {
    const bool never = text == "0" || text == "0s";
    *value = never ? absl::ZeroDuration() : ReadDuration(name, text);
  };
  app->add_option_function<std::string>(name, read, help)->type_name("TIME");
}

CLI::Option* AddWord(CLI::App* app, const std::string& name, std::string* value,
                     const std::vector<std::string>& words,
                     const std::string& help) {
  Choices<std::string> choices;
  for (const std::string& word : words) choices.emplace_back(word, word);
  return AddChoice(app, name, value, choices, help);
}

void AddNumber(CLI::App* app, const std::string& name,
               std::optional<std::uint32_t>* value, const std::string& help) {
  const auto read = [=](const std::string& text) {
    *value = ReadNumber(name, text, Range<std::uint32_t>{});
  };
  app->add_option_function<std::string>(name, read, help)->type_name("N");
}

void AddRate(CLI::App* app, const std::string& name, double* value,
             const std::string& help) {
  const auto read = [=](const std::string& text) {
    double rate = 0;
    if (!absl::SimpleAtod(text, &rate) || !std::isfinite(rate) || rate <= 0) {
      throw CLI::ValidationError(
          name, absl::StrCat("'", text, "' is no number above 0"));
    }
    *value = rate;
  };
  app->add_option_function<std::string>(name, read, help)->type_name("N");
}

void AddSeeds(CLI::App* app, const std::string& name, std::uint64_t* first,
              std::uint64_t* last, const std::string& help) {
  const auto read = [=](const std::string& text) {
    const std::vector<std::string> ends = absl::StrSplit(text, '-');
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &low) ||
        !absl::SimpleAtoi(ends.back(), &high) || low > high) {
      throw CLI::ValidationError(
          name, absl::StrCat("'", text,
                             "' are no seeds: write 7, or 1-1000, the lower "
                             "first"));
    }
    *first = low;
    *last = high;
  };
  app->add_option_function<std::string>(name, read, help)->type_name("SEEDS");
}

void AddSet(CLI::App* app, std::vector<std::string>* set) {
  app->add_option("--set", *set,
                  "Change a knob of the profile: knob=value; may be repeated "
                  "(see: belfry profile show)")
      ->type_name("KNOB=VALUE")
      ->allow_extra_args(false);
}

CLI::Option* AddRules(CLI::App* app, std::string* profile,
                      std::vector<std::string>* set) {
  CLI::Option* option = app->add_option("--profile", *profile,
                                        "The rules to play by (default belfry)")
                            ->type_name("PROFILE");
  AddSet(app, set);
  return option;
}

void AddDoorbell(CLI::App* app, bool* split) {
  AddChoice<bool>(
      app, "--doorbell", split, {{"fused", false}, {"split", true}},
      "fused (default): in the frame of its call; split: on its own")
      ->type_name("MODE");
}

void AddShow(CLI::App* app, ShowOptions* show) {
  app->add_flag("--explain", show->explain,
                "The chain of causes, also when nothing hangs");
  app->add_flag("--picture", show->picture,
                "The space-time picture, also when nothing is violated and in "
                "-o json");
}

}  // namespace belfry::client
