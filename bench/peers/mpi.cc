// Open MPI: rank 0 sends to rank 1, which sends back, or takes a flood.
//
//   mpirun -n 2 belfry-peer-mpi call COUNT WINDOW | flood COUNT
// Its C++ bindings are long gone from the standard.
#define OMPI_SKIP_MPICXX
#include <mpi.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "bench/measure.h"

namespace belfry::bench {
namespace {

constexpr int kMessageBytes = 16;

void Send(int to) {
  const char message[kMessageBytes] = {};
  MPI_Send(message, kMessageBytes, MPI_CHAR, to, 0, MPI_COMM_WORLD);
}

void Receive(int from) {
  char message[kMessageBytes];
  MPI_Recv(message, kMessageBytes, MPI_CHAR, from, 0, MPI_COMM_WORLD,
           MPI_STATUS_IGNORE);
}

void Call(int rank, std::uint64_t count, std::uint64_t at_once) {
  if (rank == 1) {
    for (std::uint64_t i = 0; i < count; ++i) {
      Receive(0);
      Send(0);
    }
    return;
  }
  Window window(count, at_once);
  while (!window.ended()) {
    for (; window.MayIssue(); window.Issue()) Send(1);
    Receive(1);
    window.End();
  }
  window.PrintAll();
}

void SendFlood(int rank, std::uint64_t count) {
  if (rank == 0) {
    for (std::uint64_t i = 0; i < count; ++i) Send(1);
    return;
  }
  Flood flood(count);
  do {
    Receive(0);
  } while (!flood.Receive(1));
  flood.PrintAll();
}

int Run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) {
    return std::strtoull(argv[i], nullptr, 10);
  };
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (mode == "call" && argc == 4) {
    Call(rank, number(2), number(3));
  } else if (mode == "flood" && argc == 3) {
    SendFlood(rank, number(2));
  } else {
    std::fprintf(stderr, "call COUNT WINDOW | flood COUNT\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace belfry::bench

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int result = belfry::bench::Run(argc, argv);
  MPI_Finalize();
  return result;
}
