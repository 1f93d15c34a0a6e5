// `belfry dump` in text.
#ifndef BELFRY_CLIENT_DUMP_TEXT_H_
#define BELFRY_CLIENT_DUMP_TEXT_H_

#include <string>

#include "belfry/v1/report.pb.h"
#include "client/output.h"

namespace belfry::client {

// One CPU: what it is and does, its queue, and its frames as a crash dump
// prints them, innermost first.
std::string CpuDumpText(const v1::DumpReport::Cpu& cpu, const Output& out);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_DUMP_TEXT_H_
