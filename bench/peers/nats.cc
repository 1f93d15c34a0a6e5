// NATS: calls by request and reply, a flood by publish and subscribe.
#include <nats/nats.h>

#include <string>

#include "bench/peers/peer.h"

namespace belfry::bench {
namespace {

constexpr char kCalls[] = "calls";
constexpr char kFlood[] = "flood";
constexpr std::int64_t kPatienceMs = 10'000;
constexpr char kMessage[kMessageBytes] = {};

natsConnection* Connect(const std::string& address, bool send_at_once) {
  natsOptions* options = nullptr;
  natsOptions_Create(&options);
  natsOptions_SetURL(options, ("nats://" + address).c_str());
  // Else what is sent waits up to a millisecond for more.
  natsOptions_SetSendAsap(options, send_at_once);
  natsOptions_SetMaxPendingMsgs(options, 10'000'000);
  natsConnection* connection = nullptr;
  Check(natsConnection_Connect(&connection, options) == NATS_OK, "connect");
  return connection;
}

natsSubscription* Subscribe(natsConnection* connection, const char* subject) {
  natsSubscription* subscription = nullptr;
  Check(natsConnection_SubscribeSync(&subscription, connection, subject) ==
                NATS_OK &&
            natsConnection_Flush(connection) == NATS_OK,
        "subscribe");
  return subscription;
}

natsMsg* Next(natsSubscription* subscription) {
  natsMsg* message = nullptr;
  Check(
      natsSubscription_NextMsg(&message, subscription, kPatienceMs) == NATS_OK,
      "NextMsg");
  return message;
}

void Serve(const std::string& address) {
  natsConnection* connection = Connect(address, true);
  natsSubscription* calls = Subscribe(connection, kCalls);
  Ready(address);
  while (true) {
    natsMsg* call = nullptr;
    if (natsSubscription_NextMsg(&call, calls, kPatienceMs) != NATS_OK) {
      continue;
    }
    natsConnection_Publish(connection, natsMsg_GetReply(call),
                           natsMsg_GetData(call), natsMsg_GetDataLength(call));
    natsMsg_Destroy(call);
  }
}

void Call(const std::string& address, Window window) {
  natsConnection* connection = Connect(address, true);
  natsInbox* inbox = nullptr;
  natsInbox_Create(&inbox);
  natsSubscription* answers = Subscribe(connection, inbox);
  while (!window.ended()) {
    for (; window.MayIssue(); window.Issue()) {
      natsConnection_PublishRequest(connection, kCalls, inbox, kMessage,
                                    sizeof kMessage);
    }
    natsMsg_Destroy(Next(answers));
    window.End();
  }
  window.PrintAll();
}

void Sink(const std::string& address, Flood flood) {
  natsSubscription* messages = Subscribe(Connect(address, false), kFlood);
  natsSubscription_SetPendingLimits(messages, -1, -1);
  Ready(address);
  do {
    natsMsg_Destroy(Next(messages));
  } while (!flood.Receive(1));
  flood.PrintAll();
}

void SendFlood(const std::string& address, std::uint64_t count) {
  natsConnection* connection = Connect(address, false);
  for (; count > 0; --count) {
    natsConnection_Publish(connection, kFlood, kMessage, sizeof kMessage);
  }
  Check(natsConnection_FlushTimeout(connection, kPatienceMs) == NATS_OK,
        "flush");
}

}  // namespace
}  // namespace belfry::bench

int main(int argc, char** argv) {
  using namespace belfry::bench;
  return Run({Serve, Call, Sink, SendFlood}, argc, argv);
}
