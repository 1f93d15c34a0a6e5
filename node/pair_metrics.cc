#include "node/pair_metrics.h"

#include <cstddef>

namespace belfry::node {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Label = ClientMetric::Label;

// Those of one CPU of the machine: `extra` is what tells one series of a family
// from another of the same pair.
void Add(const std::string& self, std::size_t dst, const Label* extra,
         double value, MetricFamily* family) {
  ClientMetric& metric = family->metric.emplace_back();
  metric.label = {{"src_cpu", self}, {"cpu", std::to_string(dst)}};
  if (extra != nullptr) metric.label.push_back(*extra);
  if (family->type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

// One series a pair, or several that a label tells apart.
struct Series {
  const char* name;
  const char* help;
  MetricType type;
  double (*value)(const PairMetrics&);
  Label extra;
};

template <auto member>
double Value(const PairMetrics& pair) {
  return static_cast<double>((pair.*member).get());
}

// Rows of one name stand together.
const std::vector<Series>& AllSeries() {
  using P = PairMetrics;
  constexpr MetricType kCounter = MetricType::Counter;
  constexpr MetricType kGauge = MetricType::Gauge;
  constexpr const char* kIssued = "belfry_calls_issued_total";
  constexpr const char* kIssuedHelp =
      "Calls that this CPU made, refused ones included.";
  static const auto* const series = new std::vector<Series>{
      {kIssued,
       kIssuedHelp,
       kCounter,
       Value<&P::issued_wait>,
       {"kind", "wait"}},
      {kIssued,
       kIssuedHelp,
       kCounter,
       Value<&P::issued_nowait>,
       {"kind", "nowait"}},
      {"belfry_calls_completed_total",
       "Calls of this CPU whose function has run.",
       kCounter,
       Value<&P::completed>,
       {}},
      {"belfry_calls_lost_total",
       "Calls of this CPU whose outcome is unknown for good.",
       kCounter,
       Value<&P::lost_target_died>,
       {"reason", "target_died"}},
      {"belfry_doorbells_sent_total",
       "Doorbells that this CPU rang.",
       kCounter,
       Value<&P::rings_sent>,
       {}},
      {"belfry_doorbells_suppressed_total",
       "Calls for which no doorbell was due: the queue was not empty.",
       kCounter,
       Value<&P::rings_suppressed>,
       {}},
      {"belfry_calls_outstanding",
       "Calls of this CPU that are neither answered nor given up.",
       kGauge,
       Value<&P::outstanding>,
       {}},
      {"belfry_outstanding_oldest_timestamp_seconds",
       "When the oldest of them was made; 0: none.",
       kGauge,
       Value<&P::outstanding_oldest>,
       {}},
  };
  return *series;
}

}  // namespace

PairMetricsTable::PairMetricsTable(kernel::CpuId self, std::uint32_t possible)
    : self_(std::to_string(self.value)), pairs_(possible) {}

PairMetrics* PairMetricsTable::Find(kernel::CpuId dst) {
  return dst.value < pairs_.size() ? &pairs_[dst.value] : nullptr;
}

void PairMetricsTable::CountRefused(kernel::CpuId dst, kernel::Errno error) {
  if (Find(dst) == nullptr) return;
  const std::lock_guard lock(mutex_);
  ++refused_[{dst, error}];
}

std::vector<MetricFamily> PairMetricsTable::Collect() const {
  std::vector<MetricFamily> families;
  for (const Series& series : AllSeries()) {
    if (families.empty() || families.back().name != series.name) {
      families.push_back({series.name, series.help, series.type, {}});
    }
    for (std::size_t dst = 0; dst < pairs_.size(); ++dst) {
      Add(self_, dst, series.extra.name.empty() ? nullptr : &series.extra,
          series.value(pairs_[dst]), &families.back());
    }
  }
  families.push_back(Refused());
  return families;
}

MetricFamily PairMetricsTable::Refused() const {
  MetricFamily family{"belfry_calls_refused_total",
                      "Calls of this CPU that were refused, by errno.",
                      MetricType::Counter,
                      {}};
  auto counts = [this] {
    const std::lock_guard lock(mutex_);
    return refused_;
  }();
  // These two every pair has from the start.
  for (std::uint32_t dst = 0; dst < pairs_.size(); ++dst) {
    counts.try_emplace({kernel::CpuId{dst}, kernel::Errno::kEnxio});
    counts.try_emplace({kernel::CpuId{dst}, kernel::Errno::kEnobufs});
  }
  for (const auto& [which, count] : counts) {
    const Label label{"errno", std::string(kernel::ErrnoName(which.second))};
    Add(self_, which.first.value, &label, static_cast<double>(count), &family);
  }
  return family;
}

}  // namespace belfry::node
