// The reports that explain, in text.
#ifndef BELFRY_CLIENT_INSIGHT_TEXT_H_
#define BELFRY_CLIENT_INSIGHT_TEXT_H_

#include <string>

#include "belfry/v1/report.pb.h"
#include "client/output.h"

namespace belfry::client {

void PrintPending(Output& out, const v1::PendingReport& report);
void PrintAudit(Output& out, const v1::AuditReport& report);
// Something is wrong; else what is not clean is only not known.
bool IsViolated(const v1::AuditReport& report);
std::string ExplanationText(const v1::ExplainReport& report, const Output& out);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_INSIGHT_TEXT_H_
