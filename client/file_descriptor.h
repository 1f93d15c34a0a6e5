// A file that is closed with its owner.
#ifndef BELFRY_CLIENT_FILE_DESCRIPTOR_H_
#define BELFRY_CLIENT_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace belfry::client {

class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  ~FileDescriptor() {
    if (ok()) close(number_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept
      : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  bool ok() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace belfry::client

#endif  // BELFRY_CLIENT_FILE_DESCRIPTOR_H_
