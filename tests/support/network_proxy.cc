// SPDX-License-Identifier: Apache-2.0
#include "support/network_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "support/port.h"

namespace sluice::support {

namespace {

constexpr size_t kMaxQueued = 256 << 10;

struct Piece {
  MonotonicTime due;
  std::string bytes;
  size_t sent = 0;
};

// One direction of one connection.
struct Stream {
  int from = -1;
  int to = -1;
  bool from_server = false;
  std::deque<Piece> queue;
  size_t queued = 0;
  MonotonicTime next_send{};  // for the bandwidth limit
  bool ended = false;         // `from` sent its end
  bool shut = false;          // passed on to `to`
};

struct Connection {
  Stream up, down;
  bool broken = false;
};

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void reset(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

}  // namespace

class NetworkProxy::Loop {
 public:
  explicit Loop(int target_port) : target_port_(target_port) {}

  ~Loop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
    for (Connection& connection : connections_) reset_both(connection);
    close(listener_);
    close(wake_fd_);
  }

  Result<> start() {
    wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(lease_.port());
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 64) != 0) {
      return Error(ErrorCode::kState, "listening for the proxy failed");
    }
    thread_ = std::thread([this] { run(); });
    return {};
  }

  int port() const { return lease_.port(); }

  void set(const NetworkFaults& faults) {
    const std::lock_guard lock(mutex_);
    faults_ = faults;
    reset_at_ = faults.reset_after_bytes < 0 ? -1 : from_server_ + faults.reset_after_bytes;
    wake();
  }

  void cut() {
    std::unique_lock lock(mutex_);
    break_all();
    wake();
    // The connections it broke are gone after the loop's next round.
    const int64_t round = rounds_;
    round_done_.wait(lock, [&] { return rounds_ > round; });
  }

  int open_connections() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(connections_.begin(), connections_.end(), [](auto& c) { return !c.broken; }));
  }

  int64_t bytes_from_server() const {
    const std::lock_guard lock(mutex_);
    return from_server_;
  }

 private:
  void wake() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
  }

  void break_all() {
    for (Connection& connection : connections_) connection.broken = true;
  }

  static void reset_both(Connection& connection) {
    reset(connection.up.from);
    reset(connection.up.to);
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      const MonotonicTime now = monotonic_now();
      std::vector<pollfd> waits = {{wake_fd_, POLLIN, 0},
                                   {listener_, static_cast<short>(faults_.silent ? 0 : POLLIN), 0}};
      MonotonicTime next = now + std::chrono::hours(1);
      for (Connection& connection : connections_) {
        for (Stream* stream : {&connection.up, &connection.down}) add_waits(*stream, now, waits, next);
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
      lock.unlock();
      poll(waits.data(), waits.size(), static_cast<int>(left));
      lock.lock();
      uint64_t ignored = 0;
      [[maybe_unused]] const ssize_t drained = read(wake_fd_, &ignored, sizeof ignored);
      if ((waits[1].revents & POLLIN) != 0) accept_one();
      for (Connection& connection : connections_) move_bytes(connection);
      connections_.remove_if([](Connection& connection) {
        if (!connection.broken && connection.up.shut && connection.down.shut) connection.broken = true;
        if (connection.broken) reset_both(connection);
        return connection.broken;
      });
      rounds_++;
      round_done_.notify_all();
    }
  }

  void add_waits(const Stream& stream, MonotonicTime now, std::vector<pollfd>& waits, MonotonicTime& next) const {
    if (faults_.silent) return;
    if (!stream.ended && stream.queued < kMaxQueued) waits.push_back({stream.from, POLLIN, 0});
    if (stream.queue.empty()) return;
    const MonotonicTime ready = std::max(stream.queue.front().due, stream.next_send);
    if (ready <= now) {
      waits.push_back({stream.to, POLLOUT, 0});
    } else {
      next = std::min(next, ready);
    }
  }

  void accept_one() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_port_);
    if (faults_.refuse || connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      reset(client);
      close(server);
      return;
    }
    const int on = 1;
    for (const int fd : {client, server}) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection& connection = connections_.emplace_back();
    connection.up.from = connection.down.to = client;
    connection.up.to = connection.down.from = server;
    connection.down.from_server = true;
  }

  void move_bytes(Connection& connection) {
    if (faults_.silent) return;
    for (Stream* stream : {&connection.up, &connection.down}) {
      if (!connection.broken && (!receive(*stream) || !send_due(*stream))) connection.broken = true;
    }
  }

  bool receive(Stream& stream) {
    if (stream.ended || stream.queued >= kMaxQueued) return true;
    char buffer[64 << 10];
    const ssize_t got = recv(stream.from, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) {
      stream.ended = true;
      return true;
    }
    stream.queue.push_back({monotonic_now() + faults_.delay, std::string(buffer, static_cast<size_t>(got))});
    stream.queued += static_cast<size_t>(got);
    return true;
  }

  // How much may go out in one call.
  size_t allowance(const Stream& stream) const {
    const Piece& piece = stream.queue.front();
    size_t most = piece.bytes.size() - piece.sent;
    if (faults_.one_byte_reads) most = 1;
    if (faults_.bytes_per_second > 0) {
      most = std::min(most, static_cast<size_t>(std::max<int64_t>(1, faults_.bytes_per_second / 50)));
    }
    if (stream.from_server && reset_at_ >= 0) most = std::min(most, static_cast<size_t>(reset_at_ - from_server_));
    return most;
  }

  bool send_due(Stream& stream) {
    const MonotonicTime now = monotonic_now();
    while (!stream.queue.empty() && std::max(stream.queue.front().due, stream.next_send) <= now) {
      Piece& piece = stream.queue.front();
      const size_t most = allowance(stream);
      const ssize_t put = send(stream.to, piece.bytes.data() + piece.sent, most, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (put < 0) return errno == EAGAIN || errno == EINTR;
      piece.sent += static_cast<size_t>(put);
      stream.queued -= static_cast<size_t>(put);
      if (piece.sent == piece.bytes.size()) stream.queue.pop_front();
      if (faults_.bytes_per_second > 0) {
        stream.next_send = now + std::chrono::nanoseconds(put * 1'000'000'000 / faults_.bytes_per_second);
      }
      if (stream.from_server) from_server_ += put;
      if (stream.from_server && reset_at_ >= 0 && from_server_ >= reset_at_) {
        reset_at_ = -1;
        break_all();
        return false;
      }
      if (faults_.one_byte_reads) break;
    }
    if (stream.ended && stream.queue.empty() && !stream.shut) {
      shutdown(stream.to, SHUT_WR);
      stream.shut = true;
    }
    return true;
  }

  const int target_port_;
  PortLease lease_;
  int wake_fd_ = -1;
  int listener_ = -1;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable round_done_;
  int64_t rounds_ = 0;
  bool stop_ = false;
  NetworkFaults faults_;
  int64_t from_server_ = 0;
  int64_t reset_at_ = -1;  // of from_server_
  std::list<Connection> connections_;
};

NetworkProxy::NetworkProxy(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
NetworkProxy::~NetworkProxy() = default;

Result<std::unique_ptr<NetworkProxy>> NetworkProxy::start(int target_port) {
  auto loop = std::make_unique<Loop>(target_port);
  RETURN_IF_ERROR(loop->start());
  return std::unique_ptr<NetworkProxy>(new NetworkProxy(std::move(loop)));
}

int NetworkProxy::port() const { return loop_->port(); }
void NetworkProxy::set(const NetworkFaults& faults) { loop_->set(faults); }
void NetworkProxy::cut() { loop_->cut(); }
int NetworkProxy::open_connections() const { return loop_->open_connections(); }
int64_t NetworkProxy::bytes_from_server() const { return loop_->bytes_from_server(); }

}  // namespace sluice::support
