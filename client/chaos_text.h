#ifndef BELFRY_CLIENT_CHAOS_TEXT_H_
#define BELFRY_CLIENT_CHAOS_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "belfry/v1/report.pb.h"
#include "client/output.h"

namespace belfry::client {

// "   12.345  begins  #17  pause cpu/3, for 412 ms".
std::string ChaosEventText(const v1::ChaosEvent& event);

// What has been done by now, in one line.
std::string ChaosProgressText(const v1::ChaosReport& report,
                              absl::Duration duration);

// The end: what was done, what became of it, the verdict.
void PrintChaos(Output& out, const v1::ChaosReport& report);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_CHAOS_TEXT_H_
