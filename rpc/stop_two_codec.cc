#include "rpc/stop_two_codec.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace belfry::rpc {
namespace {

void EncodeKey(const kernel::StopTwoKey& key, v1::StopTwoKey* out) {
  out->set_cpu(key.src.value);
  out->set_incarnation(key.src_incarnation.value);
  out->set_number(key.seq);
}

kernel::StopTwoKey DecodeKey(const v1::StopTwoKey& m) {
  return {kernel::CpuId{m.cpu()}, kernel::Incarnation{m.incarnation()},
          m.number()};
}

// The part that order and report have in common.
template <typename Value, typename Message>
absl::StatusOr<Value> DecodeHead(const Message& m, kernel::CpuId from) {
  const auto verb = kernel::ParseStopTwoVerb(m.verb());
  const auto state = kernel::ParseMultiStopState(m.state());
  if (!verb || !state) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown verb '", m.verb(), "' or state '", m.state(), "'"));
  }
  return Value{
      .from = from, .key = DecodeKey(m.key()), .verb = *verb, .state = *state};
}

template <typename Value, typename Message>
void EncodeHead(const Value& value, Message* out) {
  EncodeKey(value.key, out->mutable_key());
  out->set_verb(std::string(kernel::StopTwoVerbName(value.verb)));
  out->set_state(std::string(kernel::MultiStopStateName(value.state)));
}

}  // namespace

v1::StopTwoOrder ToProto(const kernel::StopTwoOrder& order) {
  v1::StopTwoOrder m;
  EncodeHead(order, &m);
  m.set_partner(order.partner.value);
  m.set_active(order.active);
  m.set_function(order.func);
  m.set_payload(order.payload);
  return m;
}

v1::StopTwoReport ToProto(const kernel::StopTwoReport& report) {
  v1::StopTwoReport m;
  EncodeHead(report, &m);
  m.set_errno_value(static_cast<std::int32_t>(report.error));
  m.set_result(report.result);
  return m;
}

absl::StatusOr<kernel::StopTwoOrder> FromProto(const v1::StopTwoOrder& m,
                                               kernel::CpuId from) {
  auto order = DecodeHead<kernel::StopTwoOrder>(m, from);
  if (!order.ok()) return order;
  order->partner = kernel::CpuId{m.partner()};
  order->active = m.active();
  order->func = m.function();
  order->payload = m.payload();
  return order;
}

absl::StatusOr<kernel::StopTwoReport> FromProto(const v1::StopTwoReport& m,
                                                kernel::CpuId from) {
  auto report = DecodeHead<kernel::StopTwoReport>(m, from);
  if (!report.ok()) return report;
  report->error = static_cast<kernel::Errno>(m.errno_value());
  report->result = m.result();
  return report;
}

}  // namespace belfry::rpc
