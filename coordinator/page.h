// coordinator/page/index.html, held inside the program.
#ifndef BELFRY_COORDINATOR_PAGE_H_
#define BELFRY_COORDINATOR_PAGE_H_

#include <span>
#include <string_view>

namespace belfry::coordinator {

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

// One file. Lives as long as the program.
std::span<const EmbeddedFile> EmbeddedPage();

}  // namespace belfry::coordinator

#endif  // BELFRY_COORDINATOR_PAGE_H_
