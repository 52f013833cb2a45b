// SPDX-License-Identifier: Apache-2.0
#include "engine/byte_channel.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kLong{30000};
constexpr std::chrono::milliseconds kNow{0};

TEST(ByteChannelTest, hands_elements_on_in_order) {
  ByteChannel<int> channel(100);
  ASSERT_TRUE(channel.push(1, 10));
  ASSERT_TRUE(channel.push(2, 10));
  EXPECT_EQ(channel.pop(kNow), 1);
  EXPECT_EQ(channel.pop(kNow), 2);
  EXPECT_EQ(channel.pop(kNow), std::nullopt);
}

TEST(ByteChannelTest, an_element_larger_than_the_bound_passes_alone) {
  ByteChannel<int> channel(10);
  ASSERT_TRUE(channel.push(1, 1000));
  std::jthread producer([&] { EXPECT_TRUE(channel.push(2, 1)); });
  EXPECT_EQ(channel.pop(kLong), 1);
  EXPECT_EQ(channel.pop(kLong), 2);
}

TEST(ByteChannelTest, tells_whether_a_push_would_wait) {
  ByteChannel<int> channel(10);
  EXPECT_TRUE(channel.wait_for_room(1000, std::chrono::milliseconds(0)));
  ASSERT_TRUE(channel.push(1, 6));
  EXPECT_TRUE(channel.wait_for_room(4, std::chrono::milliseconds(0)));
  EXPECT_FALSE(channel.wait_for_room(5, std::chrono::milliseconds(0)));
  channel.close();
  EXPECT_TRUE(channel.wait_for_room(5, std::chrono::milliseconds(0)));
}

TEST(ByteChannelTest, closing_wakes_a_producer_that_waits_for_room) {
  ByteChannel<int> channel(10);
  ASSERT_TRUE(channel.push(1, 10));
  std::jthread producer([&] { EXPECT_FALSE(channel.push(2, 10)); });
  channel.close();
}

TEST(ByteChannelTest, what_was_pushed_before_the_close_is_still_popped) {
  ByteChannel<int> channel(10);
  ASSERT_TRUE(channel.push(1, 1));
  channel.close();
  EXPECT_FALSE(channel.drained());
  EXPECT_EQ(channel.pop(kLong), 1);
  EXPECT_TRUE(channel.drained());
  EXPECT_EQ(channel.pop(kLong), std::nullopt);
}

}  // namespace
}  // namespace sluice
