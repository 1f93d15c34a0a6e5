#include "coordinator/web.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/page.h"

namespace belfry::coordinator {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

// A loop that does not come round in this time has other troubles.
constexpr std::chrono::seconds kAnswerTime{1};
constexpr char kJson[] = "application/json";

// Runs `f` on the loop's thread and waits for what it returns; nothing when the
// loop is too busy, or has ended.
template <typename T>
std::optional<T> Ask(rpc::Loop* loop, std::function<T()> f) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<T> answer;
  };
  const auto shared = std::make_shared<Shared>();
  loop->Post([shared, f = std::move(f)] {
    T answer = f();
    const std::lock_guard lock(shared->mutex);
    shared->answer = std::move(answer);
    shared->changed.notify_one();
  });
  std::unique_lock lock(shared->mutex);
  shared->changed.wait_for(lock, kAnswerTime,
                           [&] { return shared->answer.has_value(); });
  return std::move(shared->answer);
}

rpc::HttpResponse Busy() {
  return {.status = 503,
          .body = "the coordinator is busy, or ends; try again\n"};
}

// What Alertmanager gives up only after a while.
rpc::HttpResponse NotHere(const grpc::Status& not_leader) {
  return {.status = 503,
          .body = absl::StrCat(not_leader.error_message(), "\n")};
}

// `whole`: also what is zero or empty.
std::string JsonText(const google::protobuf::Message& message, bool whole) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = whole;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &text, options);
  // Only a string that is no UTF-8 leads there.
  return status.ok() ? text : "{}";
}

void AddTarget(ListValue* list, const std::string& address,
               std::map<std::string, std::string> labels) {
  auto& fields = *list->add_values()->mutable_struct_value()->mutable_fields();
  fields["targets"].mutable_list_value()->add_values()->set_string_value(
      address);
  auto& label = *fields["labels"].mutable_struct_value()->mutable_fields();
  for (auto& [name, value] : labels) {
    label[name].set_string_value(std::move(value));
  }
}

// A member of an object; empty where there is none.
const Value& Member(const Value& object, const std::string& name) {
  const auto& fields = object.struct_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? Value::default_instance() : found->second;
}

}  // namespace

std::string TargetsJson(const v1::Cluster& cluster) {
  ListValue targets;
  AddTarget(&targets, cluster.metrics_address(), {{"role", "coordinator"}});
  for (const v1::CpuInfo& cpu : cluster.cpus()) {
    const bool has_process = cpu.state() != v1::CPU_STATE_ABSENT &&
                             cpu.state() != v1::CPU_STATE_CRASHED;
    if (!has_process || cpu.metrics_address().empty()) continue;
    AddTarget(&targets, cpu.metrics_address(),
              {{"role", "node"}, {"node", absl::StrCat("cpu/", cpu.cpu())}});
  }
  return JsonText(targets, /*whole=*/false);
}

absl::StatusOr<int> CountCanaryAlerts(const std::string& body) {
  Value notification;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      body, notification.mutable_struct_value());
  if (!parsed.ok() || !notification.struct_value().fields().count("alerts")) {
    return absl::InvalidArgumentError(
        "no Alertmanager notification: an object with a list `alerts` is one");
  }
  int count = 0;
  for (const Value& alert :
       Member(notification, "alerts").list_value().values()) {
    if (Member(alert, "status").string_value() == "firing" &&
        Member(Member(alert, "labels"), "cpu").string_value() == "canary") {
      ++count;
    }
  }
  return count;
}

std::vector<rpc::HttpRoute> WebRoutes(
    rpc::Loop* loop, std::shared_ptr<const prometheus::Collectable> metrics,
    WebCallbacks callbacks) {
  const auto page = std::make_shared<rpc::MetricsPage>();
  page->Add(std::move(metrics));
  const auto state = callbacks.state;
  const auto on_detected = callbacks.on_canary_detected;
  return {
      rpc::MetricsRoute(page),
      {"GET", "/",
       [](const std::string&) {
         return rpc::HttpResponse{
             .content_type = "text/html; charset=utf-8",
             .body = std::string(EmbeddedPage().front().content)};
       }},
      {"GET", "/api/state",
       [loop, state](const std::string&) {
         const auto live = Ask<v1::LiveState>(loop, state);
         if (!live) return Busy();
         return rpc::HttpResponse{.content_type = kJson,
                                  .body = JsonText(*live, /*whole=*/true)};
       }},
      {"GET", "/targets",
       [loop, state](const std::string&) {
         const auto live = Ask<v1::LiveState>(loop, state);
         if (!live) return Busy();
         return rpc::HttpResponse{.content_type = kJson,
                                  .body = TargetsJson(live->cluster())};
       }},
      {"POST", "/alerts",
       [loop, on_detected](const std::string& body) {
         const auto count = CountCanaryAlerts(body);
         if (!count.ok()) {
           return rpc::HttpResponse{
               .status = 400,
               .body =
                   absl::StrCat(std::string(count.status().message()), "\n")};
         }
         if (*count == 0) return rpc::HttpResponse{};
         const auto told = Ask<grpc::Status>(loop, on_detected);
         if (!told) return Busy();
         return told->ok() ? rpc::HttpResponse{} : NotHere(*told);
       }},
  };
}

}  // namespace belfry::coordinator
