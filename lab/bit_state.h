// Searches beyond memory: of a state that was seen only a few bits of one large
// bitmap are kept (Holzmann's supertrace). A state whose bits were all set by
// others is taken for seen, so what is not found may be there all the same.
#ifndef BELFRY_LAB_BIT_STATE_H_
#define BELFRY_LAB_BIT_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lab/explorer.h"
#include "lab/fingerprint.h"

namespace belfry::lab {

// Thread-safe.
class Bitmap {
 public:
  // Bits of a state.
  static constexpr int kBits = 3;

  // All bits are clear; memory is taken where they are set. Check ok().
  explicit Bitmap(std::size_t bytes);

  bool ok() const { return words_ != nullptr; }
  // Sets the state's bits. False when all were set.
  bool Insert(const Digest& state);

  // Of so many different states, inserted one after the other: how many are
  // expected to be taken for others.
  double ExpectedMisses(std::size_t states) const;

 private:
  struct Free {
    void operator()(std::uint64_t* words) const;
  };

  std::uint64_t bits_;
  std::unique_ptr<std::uint64_t[], Free> words_;
};

// Depth first: the way to a state is what is under it on the stack, and nothing
// is kept of a state that was left. So a schedule is not a shortest one.
ExploreResult SearchBitState(const ExploreOptions& options);

}  // namespace belfry::lab

#endif  // BELFRY_LAB_BIT_STATE_H_
