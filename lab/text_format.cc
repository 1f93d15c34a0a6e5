#include "lab/text_format.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace belfry::lab {
namespace {

// Keeps the first error: the others mostly follow from it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    // Counted from 0, and negative for an error of the whole text.
    if (line >= 0) text_ = absl::StrCat(line + 1, ":", column + 1, ": ");
    absl::StrAppend(&text_, message);
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

absl::Status ParseText(absl::string_view text, absl::string_view file,
                       google::protobuf::Message* message) {
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(std::string(text), message)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(file, ":", error.text()));
}

std::string FormatText(const google::protobuf::Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return absl::StrCat("# proto-file: proto/", type.file()->name(),
                      "\n# proto-message: ", type.full_name(), "\n", text);
}

}  // namespace belfry::lab
