#include "rpc/kept_address.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "rpc/address.h"

namespace belfry::rpc {
namespace {

constexpr std::chrono::seconds kLookUpEvery{5};

}  // namespace

struct KeptAddress::State {
  // Guards what is below.
  std::mutex mutex;
  std::condition_variable end;
  bool ended = false;
  std::string address;
};

KeptAddress::KeptAddress(std::string advertise, std::string listening)
    : state_(std::make_shared<State>()) {
  state_->address = ReachableAddress(advertise, listening);
  if (!LooksUpAName(advertise, listening)) return;
  // Nobody joins it: it may stand in a look-up for longer than a process has
  // time to end.
  std::thread([state = state_, advertise = std::move(advertise),
               listening = std::move(listening)] {
    for (;;) {
      {
        std::unique_lock lock(state->mutex);
        if (state->end.wait_for(lock, kLookUpEvery,
                                [&] { return state->ended; })) {
          return;
        }
      }
      std::string address = ReachableAddress(advertise, listening);
      const std::lock_guard lock(state->mutex);
      state->address = std::move(address);
    }
  }).detach();
}

KeptAddress::~KeptAddress() {
  const std::lock_guard lock(state_->mutex);
  state_->ended = true;
  state_->end.notify_all();
}

std::string KeptAddress::Get() const {
  const std::lock_guard lock(state_->mutex);
  return state_->address;
}

}  // namespace belfry::rpc
