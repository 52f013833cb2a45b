// SPDX-License-Identifier: Apache-2.0
#include "connector/transaction_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace sluice {
namespace {

std::string message(size_t i) { return std::to_string(i) + std::string(i * 37 % 5000, 'x'); }

void expect_all(TransactionBuffer& buffer, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const auto next = buffer.next();
    ASSERT_TRUE(next.has_value()) << next.error().describe();
    ASSERT_TRUE(next->has_value()) << i;
    ASSERT_EQ((*next)->text, message(i)) << i;
    ASSERT_EQ((*next)->place, i);
  }
  const auto end = buffer.next();
  ASSERT_TRUE(end.has_value());
  EXPECT_FALSE(end->has_value());
}

TEST(TransactionBuffer, gives_messages_back_in_order_from_memory) {
  TransactionBuffer buffer;
  for (size_t i = 0; i < 10; ++i) ASSERT_TRUE(buffer.append({.place = i, .text = message(i)}).has_value());
  EXPECT_EQ(buffer.messages(), 10u);
  expect_all(buffer, 10);
}

TEST(TransactionBuffer, keeps_a_large_transaction_in_a_file_without_a_name) {
  constexpr size_t kMemory = 10'000;
  constexpr size_t kMessages = 3000;
  const auto entries = [] {
    const auto folder = std::filesystem::temp_directory_path();
    return std::count_if(std::filesystem::directory_iterator(folder), {}, [](const auto& entry) {
      return entry.path().filename().string().starts_with("sluice-transaction-");
    });
  };
  const auto before = entries();
  TransactionBuffer buffer(kMemory);
  for (size_t i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(buffer.append({.place = i, .text = message(i)}).has_value());
    ASSERT_LT(buffer.memory(), kMemory);
  }
  EXPECT_EQ(entries(), before);
  expect_all(buffer, kMessages);
}

}  // namespace
}  // namespace sluice
