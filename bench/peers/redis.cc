// Calls over two Redis lists, as job queues are made of them: the caller pushes
// to one and pops from the other, the worker the other way round; each takes
// all that has gathered.
#include <hiredis/hiredis.h>

#include <string>
#include <vector>

#include "bench/peers/peer.h"

namespace belfry::bench {
namespace {

constexpr char kCalls[] = "calls";
constexpr char kAnswers[] = "answers";
constexpr std::uint64_t kBatch = 64;
// Commands whose answers a flood has not looked at.
constexpr std::uint64_t kPipeline = 64;

class Redis {
 public:
  explicit Redis(const std::string& address) {
    const std::size_t colon = address.rfind(':');
    context_ = redisConnect(address.substr(0, colon).c_str(),
                            std::atoi(address.c_str() + colon + 1));
    Check(context_ != nullptr && context_->err == 0, "redisConnect");
  }

  // Both are only sent with the next answer that is waited for.
  void Push(const char* list, std::uint64_t messages) {
    const std::string message(kMessageBytes, 'x');
    std::vector<const char*> words = {"RPUSH", list};
    std::vector<std::size_t> sizes = {5, std::char_traits<char>::length(list)};
    words.resize(words.size() + messages, message.c_str());
    sizes.resize(sizes.size() + messages, message.size());
    redisAppendCommandArgv(context_, static_cast<int>(words.size()),
                           words.data(), sizes.data());
  }
  void Pop(const char* list) {
    redisAppendCommand(context_, "BLMPOP 0 1 %s LEFT COUNT %d", list,
                       static_cast<int>(kBatch));
  }

  void AwaitPush() { freeReplyObject(Await()); }
  // How many messages came.
  std::uint64_t AwaitPop() {
    redisReply* reply = Await();
    Check(reply->type == REDIS_REPLY_ARRAY && reply->elements == 2, "BLMPOP");
    const std::uint64_t messages = reply->element[1]->elements;
    freeReplyObject(reply);
    return messages;
  }
  void Delete(const char* list) {
    redisAppendCommand(context_, "DEL %s", list);
    AwaitPush();
  }

 private:
  redisReply* Await() {
    void* reply = nullptr;
    Check(redisGetReply(context_, &reply) == REDIS_OK, "redisGetReply");
    auto* result = static_cast<redisReply*>(reply);
    Check(result->type != REDIS_REPLY_ERROR, result->str);
    return result;
  }

  redisContext* context_;
};

void Serve(const std::string& address) {
  Redis redis(address);
  redis.Delete(kCalls);
  redis.Delete(kAnswers);
  Ready(address);
  redis.Pop(kCalls);
  while (true) {
    redis.Push(kAnswers, redis.AwaitPop());
    redis.Pop(kCalls);
    redis.AwaitPush();
  }
}

void Call(const std::string& address, Window window) {
  Redis redis(address);
  while (!window.ended()) {
    std::uint64_t calls = 0;
    for (; window.MayIssue(); ++calls) window.Issue();
    if (calls > 0) redis.Push(kCalls, calls);
    redis.Pop(kAnswers);
    if (calls > 0) redis.AwaitPush();
    for (std::uint64_t n = redis.AwaitPop(); n > 0; --n) window.End();
  }
  window.PrintAll();
}

void Sink(const std::string& address, Flood flood) {
  Redis redis(address);
  redis.Delete(kCalls);
  Ready(address);
  do {
    redis.Pop(kCalls);
  } while (!flood.Receive(redis.AwaitPop()));
  flood.PrintAll();
}

void SendFlood(const std::string& address, std::uint64_t count) {
  Redis redis(address);
  while (count > 0) {
    std::uint64_t pushes = 0;
    for (; pushes < kPipeline && count > 0; ++pushes) {
      const std::uint64_t messages = std::min(count, kBatch);
      redis.Push(kCalls, messages);
      count -= messages;
    }
    for (; pushes > 0; --pushes) redis.AwaitPush();
  }
}

}  // namespace
}  // namespace belfry::bench

int main(int argc, char** argv) {
  using namespace belfry::bench;
  return Run({Serve, Call, Sink, SendFlood}, argc, argv);
}
