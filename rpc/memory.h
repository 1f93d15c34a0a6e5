// When the host gives no more memory.
#ifndef BELFRY_RPC_MEMORY_H_
#define BELFRY_RPC_MEMORY_H_

namespace belfry::rpc {

// From now on a process that gets no memory says so in one line and ends, by
// SIGABRT, or by SIGSEGV where gRPC has not asked whether it got any: nobody
// goes on with half of what was to be done. Its peers see it die.
void EndWhenOutOfMemory();

}  // namespace belfry::rpc

#endif  // BELFRY_RPC_MEMORY_H_
