#ifndef BELFRY_CLIENT_TORTURE_TEXT_H_
#define BELFRY_CLIENT_TORTURE_TEXT_H_

#include <string>

#include "belfry/v1/report.pb.h"
#include "client/output.h"

namespace belfry::client {

// The line of the kernel's scf_torture_stats_print(), and what only we know
// behind it: "scftorture: scf_invoked_count ver: 17 resched: 0 single: ...".
// The last one of a run says VER.
std::string StatisticsLine(const v1::TortureReport& report, bool last);

void PrintTorture(Output& out, const v1::TortureReport& report);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TORTURE_TEXT_H_
