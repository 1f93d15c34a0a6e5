#ifndef BELFRY_CLIENT_TORTURE_TEXT_H_
#define BELFRY_CLIENT_TORTURE_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "belfry/v1/report.pb.h"
#include "client/output.h"

namespace belfry::client {

// The line of the kernel's scf_torture_stats_print(), and what only we know
// behind it: "scftorture: scf_invoked_count ver: 17 resched: 0 single: ...".
// The last one of a run says VER.
std::string StatisticsLine(const v1::TortureReport& report, bool last);

// While it runs: "12s of 1m: 16485 calls run, 41 offline, 40 online; offline
// cpu 3".
std::string TortureProgressText(const v1::TortureReport& report,
                                absl::Duration duration,
                                const std::string& doing);

// What handlers and callers have found wrong; empty when it is nothing.
std::string WrongCallsText(const v1::TortureCounts& counts);

void PrintTorture(Output& out, const v1::TortureReport& report);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_TORTURE_TEXT_H_
