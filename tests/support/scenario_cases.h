// Every built-in scenario under all the rules that its file speaks of, for the
// tests of each driver.
#ifndef BELFRY_TESTS_SUPPORT_SCENARIO_CASES_H_
#define BELFRY_TESTS_SUPPORT_SCENARIO_CASES_H_

#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "lab/scenario.h"

namespace belfry::testing {

struct ScenarioCase {
  v1::Scenario scenario;
  v1::Expectation expected;
};

inline void PrintTo(const ScenarioCase& c, std::ostream* out) {
  *out << c.scenario.name() << " under " << lab::ProfileText(c.expected);
}

inline std::vector<ScenarioCase> AllScenarioCases() {
  std::vector<ScenarioCase> cases;
  const v1::ScenarioList list = lab::ListScenarios();
  for (const v1::ScenarioInfo& info : list.scenarios()) {
    const v1::Scenario scenario = lab::FindScenario(info.name()).value();
    for (const v1::Expectation& expected : scenario.expectations()) {
      cases.push_back({scenario, expected});
    }
  }
  return cases;
}

// Of each scenario the first case of each verdict, and that of preset belfry:
// for drivers that take seconds for each.
inline std::vector<ScenarioCase> TellingScenarioCases() {
  std::vector<ScenarioCase> cases = AllScenarioCases();
  std::set<std::pair<std::string, std::string>> seen;
  std::erase_if(cases, [&](const ScenarioCase& c) {
    const bool first =
        seen.insert({c.scenario.name(), c.expected.verdict()}).second;
    return !first && lab::ProfileText(c.expected) != "belfry";
  });
  return cases;
}

// Of all cases the ones that have bounds to explore.
inline std::vector<ScenarioCase> ExploredScenarioCases() {
  std::vector<ScenarioCase> cases = AllScenarioCases();
  std::erase_if(
      cases, [](const ScenarioCase& c) { return !c.scenario.has_explore(); });
  return cases;
}

// "k13_doorbell_overtakes_data_linux_3_0_with_ring_order_with_data".
inline std::string CaseName(
    const ::testing::TestParamInfo<ScenarioCase>& info) {
  return absl::StrReplaceAll(
      absl::StrCat(info.param.scenario.name(), "_",
                   lab::ProfileText(info.param.expected)),
      {{"-", "_"}, {"+", "_"}, {".", "_"}, {" ", "_"}, {"=", "_"}, {",", ""}});
}

}  // namespace belfry::testing

#endif  // BELFRY_TESTS_SUPPORT_SCENARIO_CASES_H_
