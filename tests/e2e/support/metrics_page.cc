#include "tests/e2e/support/metrics_page.h"

#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace belfry::e2e {
namespace {

constexpr timeval kAnswerTimeout{.tv_sec = 10, .tv_usec = 0};

int Connect(const std::string& address) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(address, absl::MaxSplits(':', 1));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(parts.first.c_str(), parts.second.c_str(), &hints, &found) !=
      0) {
    return -1;
  }
  int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout,
             sizeof(kAnswerTimeout));
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  return fd;
}

}  // namespace

std::string HttpGet(const std::string& address, absl::string_view path) {
  const int fd = Connect(address);
  if (fd < 0) return "";
  const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
  std::string answer;
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[16384];
    ssize_t n = 0;
    while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
      answer.append(buffer, static_cast<std::size_t>(n));
    }
  }
  close(fd);
  const std::size_t body = answer.find("\r\n\r\n");
  const std::string status = answer.substr(0, answer.find("\r\n"));
  if (body == std::string::npos || !absl::StrContains(status, " 200 ")) {
    return "";
  }
  return answer.substr(body + 4);
}

MetricsPage MetricsPage::Fetch(const std::string& address) {
  std::string text = HttpGet(address, "/metrics");
  EXPECT_NE(text, "") << "no /metrics at " << address;
  return MetricsPage(std::move(text));
}

MetricsPage::MetricsPage(std::string text) : text_(std::move(text)) {
  for (const absl::string_view line : absl::StrSplit(text_, '\n')) {
    ReadLine(line);
  }
}

// No label of ours holds a quote, a comma or a closing brace.
void MetricsPage::ReadLine(absl::string_view line) {
  if (line.empty()) return;
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (line[0] == '#') {
    if (words.size() > 2 && words[1] == "TYPE") names_.insert(words[2]);
    return;
  }
  Series series;
  series.name = words[0].substr(0, words[0].find('{'));
  const std::size_t open = line.find('{');
  const std::size_t close = line.rfind('}');
  if (open != absl::string_view::npos && close != absl::string_view::npos) {
    const std::string inside(line.substr(open + 1, close - open - 1));
    for (const absl::string_view label :
         absl::StrSplit(inside, ',', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(label, absl::MaxSplits('=', 1));
      ASSERT_GE(parts.second.size(), 2u) << line;
      series.labels[parts.first] =
          parts.second.substr(1, parts.second.size() - 2);
    }
  }
  ASSERT_TRUE(absl::SimpleAtod(words.back(), &series.value)) << line;
  series_.push_back(std::move(series));
}

std::vector<MetricsPage::Series> MetricsPage::Select(
    absl::string_view name, const Labels& labels) const {
  std::vector<Series> selected;
  for (const Series& series : series_) {
    if (series.name == name &&
        std::includes(series.labels.begin(), series.labels.end(),
                      labels.begin(), labels.end())) {
      selected.push_back(series);
    }
  }
  return selected;
}

double MetricsPage::Value(absl::string_view name, const Labels& labels) const {
  const std::vector<Series> selected = Select(name, labels);
  EXPECT_FALSE(selected.empty())
      << name << " with these labels is not on the page: "
      << ::testing::PrintToString(labels);
  double sum = 0;
  for (const Series& series : selected) sum += series.value;
  return sum;
}

}  // namespace belfry::e2e
