#include "coordinator/etcd_place.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "rpc/address.h"

namespace belfry::coordinator {

absl::StatusOr<EtcdPlace> ParseEtcdPlace(const std::string& store) {
  absl::string_view rest = store;
  if (!absl::ConsumePrefix(&rest, "etcd:")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--store ", store, ": etcd:HOST:PORT,HOST:PORT,...[/PREFIX] is right"));
  }
  const std::size_t slash = rest.find('/');
  const std::string prefix(
      slash == absl::string_view::npos ? "/belfry" : rest.substr(slash));
  if (prefix.size() < 2 || absl::EndsWith(prefix, "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--store ", store, ": a prefix is like /belfry"));
  }
  auto endpoints =
      rpc::ParseAddresses("--store", std::string(rest.substr(0, slash)));
  if (!endpoints.ok()) return endpoints.status();
  return EtcdPlace{.endpoints = *std::move(endpoints), .prefix = prefix};
}

}  // namespace belfry::coordinator
