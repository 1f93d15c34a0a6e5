// What a real Prometheus and a real Alertmanager answer.
#ifndef BELFRY_TESTS_E2E_SUPPORT_PROMETHEUS_H_
#define BELFRY_TESTS_E2E_SUPPORT_PROMETHEUS_H_

#include <chrono>
#include <string>
#include <vector>

namespace belfry::e2e {

// What is promised of a leak: from its birth to Alertmanager.
inline constexpr std::chrono::seconds kAlertTime{60};

// How many series the query gives now; -1 when Prometheus refuses it, or does
// not answer.
int CountSeries(const std::string& prometheus, const std::string& query);

// True as soon as Prometheus scrapes so many processes, and misses none.
bool AwaitTargets(const std::string& prometheus, int count);

// "BelfryQueueStranded of cpu 3" for each alert that Alertmanager has now.
std::vector<std::string> DeliveredAlerts(const std::string& alertmanager);

// True as soon as that alert is there; false when the time for alerts is over.
bool AwaitAlert(const std::string& alertmanager, const std::string& alert);

}  // namespace belfry::e2e

#endif  // BELFRY_TESTS_E2E_SUPPORT_PROMETHEUS_H_
