#include "tests/e2e/support/prometheus.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/support/metrics_page.h"
#include "tests/e2e/support/program.h"

namespace belfry::e2e {
namespace {

using google::protobuf::Value;

std::string UrlEncoded(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    absl::StrAppend(&encoded, "%", absl::BytesToHexString({&c, 1}));
  }
  return encoded;
}

// Null when nobody answers.
Value FetchJson(const std::string& address, const std::string& path) {
  Value value;
  const auto status = google::protobuf::util::JsonStringToMessage(
      HttpGet(address, path), &value);
  return status.ok() ? value : Value();
}

const Value& Member(const Value& object, const std::string& name) {
  const auto& fields = object.struct_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? Value::default_instance() : found->second;
}

}  // namespace

int CountSeries(const std::string& prometheus, const std::string& query) {
  const Value answer = FetchJson(
      prometheus, absl::StrCat("/api/v1/query?query=", UrlEncoded(query)));
  if (Member(answer, "status").string_value() != "success") return -1;
  return Member(Member(answer, "data"), "result").list_value().values_size();
}

bool AwaitTargets(const std::string& prometheus, int count) {
  return WaitFor([&] {
    return CountSeries(prometheus, "up == 1") == count &&
           CountSeries(prometheus, "up") == count;
  });
}

std::vector<std::string> DeliveredAlerts(const std::string& alertmanager) {
  std::vector<std::string> alerts;
  const Value answer = FetchJson(alertmanager, "/api/v2/alerts");
  for (const Value& alert : answer.list_value().values()) {
    const Value& labels = Member(alert, "labels");
    alerts.push_back(absl::StrCat(Member(labels, "alertname").string_value(),
                                  " of cpu ",
                                  Member(labels, "cpu").string_value()));
  }
  return alerts;
}

bool AwaitAlert(const std::string& alertmanager, const std::string& alert) {
  return WaitFor(
      [&] {
        const auto alerts = DeliveredAlerts(alertmanager);
        return std::find(alerts.begin(), alerts.end(), alert) != alerts.end();
      },
      kAlertTime);
}

}  // namespace belfry::e2e
