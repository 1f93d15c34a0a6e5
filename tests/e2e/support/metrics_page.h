// A /metrics page, fetched and read as Prometheus would.
#ifndef BELFRY_TESTS_E2E_SUPPORT_METRICS_PAGE_H_
#define BELFRY_TESTS_E2E_SUPPORT_METRICS_PAGE_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace belfry::e2e {

using Labels = std::map<std::string, std::string>;

// The body of http://ADDRESS/PATH; empty when nobody answers with 200.
std::string HttpGet(const std::string& address, absl::string_view path);

class MetricsPage {
 public:
  struct Series {
    std::string name;
    Labels labels;
    double value = 0;
  };

  // Fails the test when nothing is there or a line makes no sense.
  static MetricsPage Fetch(const std::string& address);

  explicit MetricsPage(std::string text);

  const std::string& text() const { return text_; }
  const std::vector<Series>& series() const { return series_; }
  // Of the families: a histogram is one.
  const std::set<std::string>& names() const { return names_; }

  // Those that have at least these labels.
  std::vector<Series> Select(absl::string_view name,
                             const Labels& labels = {}) const;
  // Their sum. Fails the test when there is none: a series that is missing is
  // no zero.
  double Value(absl::string_view name, const Labels& labels = {}) const;

 private:
  void ReadLine(absl::string_view line);

  std::string text_;
  std::vector<Series> series_;
  std::set<std::string> names_;
};

}  // namespace belfry::e2e

#endif  // BELFRY_TESTS_E2E_SUPPORT_METRICS_PAGE_H_
