// SPDX-License-Identifier: Apache-2.0
#include "support/network_proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/clock.h"
#include "base/loopback.h"
#include "support/port.h"

namespace sluice::support {
namespace {

using std::chrono::milliseconds;

int open_socket(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// A server that answers each connection's bytes with the same bytes.
class Echo {
 public:
  Echo() : listener_(listen_on_loopback(lease_.port()).value()), thread_([this] { serve(); }) {}
  ~Echo() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port() const { return lease_.port(); }

 private:
  void serve() {
    int client;
    while ((client = accept(listener_, nullptr, nullptr)) >= 0) {
      char buffer[4096];
      ssize_t got;
      while ((got = recv(client, buffer, sizeof buffer, 0)) > 0)
        send(client, buffer, static_cast<size_t>(got), MSG_NOSIGNAL);
      close(client);
    }
  }
  PortLease lease_;
  int listener_;
  std::thread thread_;
};

class NetworkProxyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = NetworkProxy::start(echo_.port());
    ASSERT_TRUE(started);
    proxy_ = std::move(started).value();
    client_ = open_socket(proxy_->port());
  }
  void TearDown() override {
    close(client_);
    proxy_.reset();
  }
  void say(const std::string& text) const { send(client_, text.data(), text.size(), MSG_NOSIGNAL); }
  // Reads until this many bytes, the end, or the time is over.
  std::string hear(size_t bytes, milliseconds timeout = milliseconds(5000)) const {
    const timeval limit{timeout.count() / 1000, timeout.count() % 1000 * 1000};
    setsockopt(client_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string heard;
    char buffer[4096];
    ssize_t got;
    while (heard.size() < bytes && (got = recv(client_, buffer, sizeof buffer, 0)) > 0)
      heard.append(buffer, static_cast<size_t>(got));
    return heard;
  }

  Echo echo_;
  std::unique_ptr<NetworkProxy> proxy_;
  int client_ = -1;
};

TEST_F(NetworkProxyTest, passes_bytes_both_ways) {
  say("hello");
  EXPECT_EQ(hear(5), "hello");
  EXPECT_EQ(proxy_->bytes_from_server(), 5);
  EXPECT_EQ(proxy_->open_connections(), 1);
}

TEST_F(NetworkProxyTest, cut_resets_the_connection) {
  say("hello");
  hear(5);
  proxy_->cut();
  char byte;
  EXPECT_EQ(recv(client_, &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(NetworkProxyTest, silence_keeps_the_connection_and_ends_when_healed) {
  proxy_->set({.silent = true});
  say("hello");
  EXPECT_EQ(hear(1, milliseconds(50)), "");
  proxy_->set({});
  EXPECT_EQ(hear(5), "hello");
}

TEST_F(NetworkProxyTest, delay_holds_each_direction) {
  proxy_->set({.delay = milliseconds(40)});
  const MonotonicTime start = monotonic_now();
  say("hello");
  EXPECT_EQ(hear(5), "hello");
  EXPECT_GE(monotonic_now() - start, milliseconds(80));
}

TEST_F(NetworkProxyTest, one_byte_reads_lose_nothing) {
  proxy_->set({.one_byte_reads = true});
  const std::string text(3000, 'x');
  say(text);
  EXPECT_EQ(hear(text.size()), text);
}

TEST_F(NetworkProxyTest, bandwidth_limit_slows_down) {
  proxy_->set({.bytes_per_second = 50000});
  const MonotonicTime start = monotonic_now();
  const std::string text(5000, 'x');
  say(text);
  EXPECT_EQ(hear(text.size()), text);
  EXPECT_GE(monotonic_now() - start, milliseconds(80));
}

TEST_F(NetworkProxyTest, reset_comes_after_exactly_so_many_bytes) {
  proxy_->set({.reset_after_bytes = 3});
  say("hello");
  hear(5);
  EXPECT_EQ(proxy_->bytes_from_server(), 3);
  EXPECT_EQ(proxy_->open_connections(), 0);
}

TEST_F(NetworkProxyTest, refuse_resets_new_connections_only) {
  say("hello");
  EXPECT_EQ(hear(5), "hello");
  proxy_->set({.refuse = true});
  const int second = open_socket(proxy_->port());
  char byte;
  EXPECT_EQ(recv(second, &byte, 1, 0), -1);
  close(second);
  say("hello");
  EXPECT_EQ(hear(5), "hello");
}

}  // namespace
}  // namespace sluice::support
