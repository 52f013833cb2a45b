// SPDX-License-Identifier: Apache-2.0
// The connection in replication mode, against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "connectors/postgres/postgres_replication.h"
#include "support/ok.h"
#include "support/postgres_server.h"
#include "support/wait.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

class ReplicationConnectionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = support::PostgresServer::start({.arguments = {"-c", "wal_level=logical"}});
    ASSERT_OK(started);
    server_ = std::move(started).value();
  }
  static void TearDownTestSuite() { server_.reset(); }

  static PostgresConnectOptions options() {
    return {.hostname = support::PostgresServer::host(),
            .port = server_->port(),
            .username = server_->username(),
            .password = server_->password(),
            .database = "postgres"};
  }
  std::unique_ptr<ReplicationConnection> connect() {
    auto connection = ReplicationConnection::connect(context_, options());
    EXPECT_TRUE(connection.has_value()) << (connection ? "" : connection.error().describe());
    return connection ? std::move(connection).value() : nullptr;
  }
  Result<> start(ReplicationConnection& connection, const std::string& slot, Lsn from) {
    return connection.start(context_, slot, from, {{"proto_version", "1"}, {"publication_names", "all_of_it"}});
  }

  Context context_;
  static std::unique_ptr<support::PostgresServer> server_;
};
std::unique_ptr<support::PostgresServer> ReplicationConnectionTest::server_;

TEST_F(ReplicationConnectionTest, streams_a_slot_and_confirms_what_is_durable) {
  ASSERT_OK(server_->execute("CREATE TABLE streamed (id int PRIMARY KEY)"));
  ASSERT_OK(server_->execute("CREATE PUBLICATION all_of_it FOR ALL TABLES"));
  const auto connection = connect();
  ASSERT_NE(connection, nullptr);
  auto made = connection->command(context_, "CREATE_REPLICATION_SLOT streamed LOGICAL pgoutput EXPORT_SNAPSHOT");
  ASSERT_OK(made);
  const Lsn begin = *Lsn::parse(made->at(0, 1));
  EXPECT_FALSE(made->at(0, 2).empty());  // a snapshot's name
  ASSERT_OK(server_->execute("INSERT INTO streamed VALUES (7)"));
  ASSERT_OK(start(*connection, "streamed", begin));

  std::string kinds;
  Lsn last;
  while (!kinds.ends_with('C')) {
    auto message = connection->receive(context_, milliseconds(20000));
    ASSERT_OK(message);
    ASSERT_TRUE(message->has_value()) << kinds;
    if ((*message)->keepalive) continue;
    kinds += (*message)->payload[0];
    last = (*message)->end;
    EXPECT_GT((*message)->server_time_us, 1'600'000'000'000'000);
  }
  EXPECT_EQ(kinds, "BRIC");
  EXPECT_GT(last, begin);

  ASSERT_OK(connection->send_status(context_, last, begin, true));
  bool answered = false;
  while (!answered) {
    auto message = connection->receive(context_, milliseconds(20000));
    ASSERT_OK(message);
    ASSERT_TRUE(message->has_value());
    answered = (*message)->keepalive;
  }
  const std::string confirmed = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'streamed'";
  EXPECT_LT(*Lsn::parse(*server_->value(confirmed)), last);
  ASSERT_OK(connection->send_status(context_, last, last, true));
  for (answered = false; !answered;) {
    auto message = connection->receive(context_, milliseconds(20000));
    ASSERT_OK(message);
    ASSERT_TRUE(message->has_value());
    answered = (*message)->keepalive;
  }
  EXPECT_EQ(*Lsn::parse(*server_->value(confirmed)), last);
}

TEST_F(ReplicationConnectionTest, a_silent_client_is_kept_for_minutes_and_money_is_printed_alike_everywhere) {
  ASSERT_OK(server_->execute("ALTER SYSTEM SET wal_sender_timeout = '2s'"));
  ASSERT_OK(server_->execute("SELECT pg_reload_conf()"));
  const auto connection = connect();
  ASSERT_NE(connection, nullptr);
  auto settings = connection->command(context_, "SELECT current_setting('wal_sender_timeout'), 1234.5::numeric::money");
  ASSERT_OK(settings);
  EXPECT_EQ(settings->at(0, 0), "5min");
  EXPECT_EQ(settings->at(0, 1), "$1,234.50");
}

TEST_F(ReplicationConnectionTest, a_slot_that_is_gone_is_a_lost_position) {
  const auto connection = connect();
  ASSERT_NE(connection, nullptr);
  const auto started = start(*connection, "never_made", Lsn{1});
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code(), ErrorCode::kPositionLost) << started.error().describe();
  EXPECT_EQ(connection->last_state(), "42704");
}

TEST_F(ReplicationConnectionTest, a_publication_that_is_gone_ends_the_stream_with_its_name) {
  ASSERT_OK(server_->execute("CREATE TABLE unpublished (id int PRIMARY KEY)"));
  const auto connection = connect();
  ASSERT_NE(connection, nullptr);
  auto made = connection->command(context_, "CREATE_REPLICATION_SLOT unpublished TEMPORARY LOGICAL pgoutput");
  ASSERT_OK(made);
  ASSERT_OK(server_->execute("INSERT INTO unpublished VALUES (1)"));
  ASSERT_OK(connection->start(context_, "unpublished", *Lsn::parse(made->at(0, 1)),
                              {{"proto_version", "1"}, {"publication_names", "no_such"}}));
  for (;;) {
    auto message = connection->receive(context_, milliseconds(20000));
    if (message.has_value()) continue;
    EXPECT_EQ(message.error().code(), ErrorCode::kConfig) << message.error().describe();
    EXPECT_THAT(message.error().message(), testing::HasSubstr("no_such"));
    break;
  }
}

TEST_F(ReplicationConnectionTest, stopping_while_a_slot_waits_for_a_transaction_leaves_no_slot) {
  auto session = server_->connect();
  ASSERT_OK(session);
  ASSERT_OK((*session)->execute("BEGIN; SELECT txid_current()"));
  auto connection = connect();
  ASSERT_NE(connection, nullptr);
  Context stopping;
  std::thread stop([&stopping] {
    EXPECT_TRUE(support::wait_until([] {
      return server_
                 ->value(
                     "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND "
                     "wait_event_type = 'Lock'")
                 .value() == "1";
    }));
    stopping.request_stop();
  });
  const auto made = connection->command(stopping, "CREATE_REPLICATION_SLOT waiting LOGICAL pgoutput");
  stop.join();
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kStopped);
  connection.reset();
  EXPECT_TRUE(support::wait_until([] {
    return server_->value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'waiting'").value() == "0";
  }));
}

}  // namespace
}  // namespace sluice
