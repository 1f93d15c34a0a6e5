// Shell scripts that complete the verbs and flags of `belfry`.
#ifndef BELFRY_CLIENT_COMPLETION_H_
#define BELFRY_CLIENT_COMPLETION_H_

#include <string>

#include "absl/strings/string_view.h"
#include "client/options.h"

namespace belfry::client {

// `shell` is bash, zsh or fish. Names of CPUs, profiles and scenarios are asked
// of `belfry` itself when they are completed.
std::string CompletionScript(absl::string_view shell, const VerbTree& root);

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_COMPLETION_H_
