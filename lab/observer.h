// Watches a machine during a run: whether it rests or hangs, and what became of
// it. What was there before the run is not its doing.
#ifndef BELFRY_LAB_OBSERVER_H_
#define BELFRY_LAB_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/v1/report.pb.h"
#include "belfry/v1/types.pb.h"
#include "lab/machine.h"
#include "lab/verdict.h"
#include "trace/picture.h"

namespace belfry::lab {

class Observer {
 public:
  explicit Observer(Machine& machine) : machine_(machine) {}

  // Remembers what there is. The first question of a run.
  absl::Status Begin();
  const v1::Profile& profile() const { return profile_; }

  // From here on the machine must look the same often enough anew.
  void StartOver();
  // Looks at the machine once.
  absl::Status Look();
  // It has looked the same so often in a row that it moves no more, as far as a
  // report would show.
  bool rests() const;
  // It rests, and somebody waits in vain.
  bool hangs() const { return hung_ && rests(); }
  // Every call has ended or is stuck, and it rests. Looks at the machine
  // itself.
  absl::StatusOr<bool> HasSettled();

  // Until it has settled, or hangs.
  absl::Status AwaitRest();

  // Fills in what Judge() does, and the picture of the run on so many CPUs.
  absl::Status JudgeRun(std::uint32_t subject_cpu, std::uint32_t cpus,
                        const trace::PictureOptions& picture,
                        v1::ScenarioResult* result);

 private:
  Machine& machine_;
  v1::Profile profile_;
  Before before_;
  // How often in a row the machine has looked the same.
  int same_ = 0;
  std::string fingerprint_;
  bool hung_ = false;
};

}  // namespace belfry::lab

#endif  // BELFRY_LAB_OBSERVER_H_
