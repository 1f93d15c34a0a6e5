// belfry profile list, show, diff. They ask nobody.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "belfry/v1/report.pb.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/profile_choice.h"
#include "kernel/profile.h"
#include "rpc/codec.h"

namespace belfry::client {
namespace {

v1::KnobInfo DescribeKnob(const kernel::Knob& knob) {
  v1::KnobInfo info;
  info.set_name(std::string(knob.name));
  info.set_help(std::string(knob.help));
  for (const absl::string_view value : knob.values) {
    info.add_values(std::string(value));
  }
  return info;
}

absl::StatusOr<v1::ProfileList> AllProfiles() {
  v1::ProfileList list;
  for (const absl::string_view name : kernel::PresetNames()) {
    const auto profile = ChooseProfile(std::string(name), {});
    if (!profile.ok()) return profile.status();
    *list.add_profiles() = rpc::ToProto(*profile);
  }
  for (const kernel::Knob& knob : kernel::Knobs()) {
    *list.add_knobs() = DescribeKnob(knob);
  }
  return list;
}

// A row for each knob, a column for each preset: they differ in few.
Table ProfileTable(const v1::ProfileList& list) {
  std::vector<Table::Column> columns = {{"KNOB"}};
  for (const v1::Profile& profile : list.profiles()) {
    columns.push_back({profile.name()});
  }
  Table table(std::move(columns));
  for (int knob = 0; knob < list.knobs_size(); ++knob) {
    std::vector<Cell> row = {list.knobs(knob).name()};
    for (const v1::Profile& profile : list.profiles()) {
      row.emplace_back(profile.knobs(knob).value());
    }
    table.Add(std::move(row));
  }
  return table;
}

}  // namespace

ExitCode Run(Context& context, const ProfileListOptions&) {
  const auto list = AllProfiles();
  if (!list.ok()) return list.status();
  switch (context.out.format()) {
    case Format::kJson:
      context.out.Json(*list);
      break;
    case Format::kName:
      for (const v1::Profile& profile : list->profiles()) {
        context.out.Line(profile.name());
      }
      break;
    case Format::kTable:
      context.out.Print(ProfileTable(*list));
      break;
  }
  return kExitOk;
}

ExitCode Run(Context& context, const ProfileShowOptions& options) {
  const auto profile = ChooseProfile(options.profile, options.set);
  if (!profile.ok()) return profile.status();
  const v1::Profile proto = rpc::ToProto(*profile);
  if (context.out.json()) {
    context.out.Json(proto);
    return kExitOk;
  }
  if (context.out.format() == Format::kName) {
    context.out.Line(proto.name());
    return kExitOk;
  }
  Table table({{"KNOB"}, {"VALUE"}, {"OF"}, {"DECIDES"}});
  for (std::size_t i = 0; i < kernel::Knobs().size(); ++i) {
    const kernel::Knob& knob = kernel::Knobs()[i];
    table.Add({std::string(knob.name),
               Cell(std::string(kernel::KnobValue(*profile, i)), Style::kBold),
               absl::StrJoin(knob.values, "|"), std::string(knob.help)});
  }
  context.out.Line(absl::StrCat("profile ", ProfileText(proto)));
  context.out.Print(table);
  return kExitOk;
}

ExitCode Run(Context& context, const ProfileDiffOptions& options) {
  const auto left = ChooseProfile(options.left, {});
  if (!left.ok()) return left.status();
  const auto right = ChooseProfile(options.right, {});
  if (!right.ok()) return right.status();
  v1::ProfileDiff diff;
  diff.set_left(options.left);
  diff.set_right(options.right);
  Table table({{"KNOB"}, {options.left}, {options.right}});
  for (std::size_t i = 0; i < kernel::Knobs().size(); ++i) {
    const std::string knob(kernel::Knobs()[i].name);
    const std::string a(kernel::KnobValue(*left, i));
    const std::string b(kernel::KnobValue(*right, i));
    if (a == b) continue;
    table.Add({knob, a, b});
    v1::ProfileDiff::Difference* difference = diff.add_differences();
    difference->set_knob(knob);
    difference->set_left(a);
    difference->set_right(b);
  }
  if (context.out.json()) {
    context.out.Json(diff);
  } else if (table.empty()) {
    context.out.Line("no difference");
  } else {
    context.out.Print(table);
  }
  return kExitOk;
}

}  // namespace belfry::client
