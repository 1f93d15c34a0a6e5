// A node with a function of its own: count_words answers with the number of
// words in its payload.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "node/node.h"

namespace {

belfry::node::FunctionResult CountWords(
    const belfry::node::FunctionCall& call) {
  const std::vector<std::string> words =
      absl::StrSplit(call.payload, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  return {.payload = absl::StrCat(words.size())};
}

}  // namespace

int main(int argc, char** argv) {
  belfry::node::Functions functions;
  const absl::Status status = functions.Register(
      "count_words", belfry::node::Duration::kShort, CountWords);
  if (!status.ok()) return 1;
  return belfry::node::Main(argc, argv, std::move(functions));
}
