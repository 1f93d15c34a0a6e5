#include "rpc/version.h"

namespace belfry::rpc {

const char* Version() { return BELFRY_VERSION; }
const char* Revision() { return BELFRY_REVISION; }

}  // namespace belfry::rpc
