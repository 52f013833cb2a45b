// SPDX-License-Identifier: Apache-2.0
#include "tenants/mysql_dialog.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "connectors/mysql/byte_reader.h"
#include "tenants/session_questions.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

using mysql::ByteReader;

constexpr size_t kMaxLogin = 4096, kMaxCommand = size_t{1} << 20, kMaxPacket = 0xffffff;
constexpr size_t kMaxColumns = 2000;  // SQLite's limit
constexpr const char* kDatabase = "oceanbase";
constexpr const char* kPlugin = "mysql_native_password";
constexpr uint16_t kUtf8mb4 = 45, kAutocommit = 2, kMoreResults = 8;

enum Capability : uint32_t {
  kLongPassword = 1,
  kLongFlag = 4,
  kConnectWithDatabase = 8,
  kProtocol41 = 0x200,
  kTransactions = 0x2000,
  kSecureConnection = 0x8000,
  kMultiStatements = 0x10000,
  kMultiResults = 0x20000,
  kPluginAuth = 0x80000,
  kConnectAttributes = 0x100000,
  kPackedAuth = 0x200000,
};
constexpr uint32_t kCapabilities = kLongPassword | kLongFlag | kConnectWithDatabase | kProtocol41 | kTransactions |
                                   kSecureConnection | kMultiStatements | kMultiResults | kPluginAuth |
                                   kConnectAttributes | kPackedAuth;

enum CommandCode : uint8_t {
  kQuit = 0x01,
  kInitDatabase = 0x02,
  kQuery = 0x03,
  kFieldList = 0x04,
  kStatistics = 0x09,
  kPing = 0x0e,
  kPrepare = 0x16,
  kSetOption = 0x1b,
  kResetConnection = 0x1f,
};

void put(uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}
void put_packed(uint64_t value, std::string& out) {
  if (value < 251) return put(value, 1, out);
  if (value < 0x10000) return out += '\xfc', put(value, 2, out);
  if (value < 0x1000000) return out += '\xfd', put(value, 3, out);
  out += '\xfe';
  put(value, 8, out);
}
void put_text(std::string_view text, std::string& out) {
  put_packed(text.size(), out);
  out += text;
}

// Up to a NUL, which is taken too; failed() if there is none.
std::string_view text_to_nul(ByteReader& reader) {
  const std::string_view rest = mysql::as_text(reader.rest());
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) {
    reader.fail();
    return {};
  }
  reader.skip(end + 1);
  return rest.substr(0, end);
}

std::string sha1(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  SLUICE_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

}  // namespace

std::string native_password_answer(std::string_view password, std::string_view scramble) {
  std::string answer = sha1(password);
  const std::string mask = sha1(std::string(scramble) + sha1(answer));
  for (size_t i = 0; i < answer.size(); ++i) answer[i] = static_cast<char>(answer[i] ^ mask[i]);
  return answer;
}

std::string MysqlDialog::greeting() {
  std::string payload = "\x0a";
  payload.append(kServerVersion).append(1, '\0');
  put(options_.connection, 4, payload);
  payload.append(options_.scramble.substr(0, 8)).append(1, '\0');
  put(kCapabilities & 0xffff, 2, payload);
  put(kUtf8mb4, 1, payload);
  put(kAutocommit, 2, payload);
  put(kCapabilities >> 16, 2, payload);
  put(options_.scramble.size() + 1, 1, payload);
  payload.append(10, '\0').append(options_.scramble.substr(8)).append(1, '\0');
  payload.append(kPlugin).append(1, '\0');
  std::string out;
  send(payload, out);
  return out;
}

bool MysqlDialog::receive(std::string_view bytes, std::string& out) {
  constexpr size_t kHead = 4;
  pending_ += bytes;
  for (size_t at = 0;;) {
    ByteReader reader(mysql::as_bytes(std::string_view(pending_).substr(at)));
    const size_t size = reader.u24();
    const uint8_t sequence = reader.u8();
    if (!reader.failed() && size > (logged_in() ? kMaxCommand : kMaxLogin)) {
      sequence_ = static_cast<uint8_t>(sequence + 1);
      send_error(1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes", out);
      return false;
    }
    const std::string packet(reader.text(size));
    if (reader.failed()) {
      pending_.erase(0, at);
      return true;
    }
    at += kHead + size;
    sequence_ = static_cast<uint8_t>(sequence + 1);
    if (!take(packet, out)) return false;
  }
}

bool MysqlDialog::take(const std::string& packet, std::string& out) {
  switch (state_) {
    case State::kLogin: return log_in(packet, out);
    case State::kSwitched: return check_password(packet, out);
    case State::kCommands: return command(packet, out);
  }
  return false;
}

bool MysqlDialog::log_in(const std::string& packet, std::string& out) {
  ByteReader reader(mysql::as_bytes(packet));
  capabilities_ = reader.u32();
  constexpr size_t kSizeCharsetAndFiller = 4 + 1 + 23;
  reader.skip(kSizeCharsetAndFiller);
  user_ = text_to_nul(reader);
  std::string_view answer;
  if ((capabilities_ & kPackedAuth) != 0) {
    answer = reader.text(reader.packed());
  } else if ((capabilities_ & kSecureConnection) != 0) {
    answer = reader.text(reader.u8());
  } else {
    answer = text_to_nul(reader);
  }
  std::string_view database, plugin;
  if ((capabilities_ & kConnectWithDatabase) != 0) database = text_to_nul(reader);
  if ((capabilities_ & kPluginAuth) != 0) plugin = text_to_nul(reader);
  if (reader.failed() || (capabilities_ & kProtocol41) == 0) {
    send_error(1043, "08S01", "Bad handshake", out);
    return false;
  }
  if (!database.empty() && database != kDatabase) {
    send_error(1049, "42000", fmt::format("Unknown database '{}'", database), out);
    return false;
  }
  database_ = database;
  if (options_.password && !plugin.empty() && plugin != kPlugin) {
    // Answered for another way of logging in: asked again, for ours.
    state_ = State::kSwitched;
    std::string payload = "\xfe";
    payload.append(kPlugin).append(1, '\0').append(options_.scramble).append(1, '\0');
    send(payload, out);
    return true;
  }
  return check_password(answer, out);
}

bool MysqlDialog::check_password(std::string_view answer, std::string& out) {
  if (options_.password) {
    const std::string expected = native_password_answer(*options_.password, options_.scramble);
    const bool known = user_ == "root" || user_ == "root@sys";
    if (!known || answer.size() != expected.size() ||
        CRYPTO_memcmp(answer.data(), expected.data(), expected.size()) != 0) {
      send_error(1045, "28000",
                 fmt::format("Access denied for user '{}'@'localhost' (using password: {})", user_,
                             answer.empty() ? "NO" : "YES"),
                 out);
      return false;
    }
  }
  state_ = State::kCommands;
  send_ok(out);
  return true;
}

bool MysqlDialog::command(const std::string& packet, std::string& out) {
  if (packet.empty()) {
    send_error(1047, "08S01", "Unknown command", out);
    return false;
  }
  const std::string argument = packet.substr(1);
  switch (static_cast<uint8_t>(packet[0])) {
    case kQuit: return false;
    case kInitDatabase: use(argument, out); return true;
    case kQuery: query(argument, out); return true;
    case kFieldList: field_list(argument.substr(0, argument.find('\0')), out); return true;
    case kStatistics: send("Sluice's server of tenants", out); return true;
    case kSetOption: send_end(out); return true;
    case kPing:
    case kResetConnection: send_ok(out); return true;
    case kPrepare:
      send_error(1295, "HY000", "This command is not supported in the prepared statement protocol yet", out);
      return true;
    default: send_error(1047, "08S01", "Unknown command", out); return true;
  }
}

void MysqlDialog::use(std::string_view database, std::string& out) {
  if (database != kDatabase) {
    return send_error(1049, "42000", fmt::format("Unknown database '{}'", database), out);
  }
  database_ = database;
  send_ok(out);
}

void MysqlDialog::field_list(std::string_view table, std::string& out) {
  const bool plain =
      std::ranges::all_of(table, [](unsigned char c) { return (std::isalnum(c) != 0 && c < 0x80) || c == '_'; });
  if (!plain || table.empty()) return send_error(1146, "42S02", fmt::format("Table '{}' doesn't exist", table), out);
  const auto result = options_.execute(Statement{ReadViews{fmt::format("SELECT * FROM {} LIMIT 0", table)}});
  if (!result) return send_error(result.error(), out);
  send_columns(result->rows, out);
  send_end(out);
}

void MysqlDialog::query(const std::string& text, std::string& out) {
  const SessionQuestion question{
      .text = text, .connection = options_.connection, .user = user_, .database = database_, .notes = notes_};
  if (const auto answer = answer_session_question(question)) {
    if (!*answer) return send_error(answer->error(), out);
    if ((*answer)->columns.empty()) return send_ok(out);
    return send_rows(**answer, false, out);
  }
  notes_.clear();
  const auto statements = parse_statements(text);
  if (!statements) return send_error(statements.error(), out);
  if (statements->empty()) return send_error(1065, "42000", "Query was empty", out);
  if (statements->size() > 1 && (capabilities_ & (kMultiStatements | kMultiResults)) == 0) {
    return send_error(sql_error(kSyntaxError, "several statements in one query: the client did not ask for that"), out);
  }
  run(*statements, out);
}

void MysqlDialog::run(const std::vector<Statement>& statements, std::string& out) {
  for (const Statement& statement : statements) {
    const auto result = options_.execute(statement);
    if (!result) return send_error(result.error(), out);
    notes_ = result->notes;
    const bool more = &statement != &statements.back();
    if (result->rows.columns.empty()) {
      send_ok(out, more);
    } else {
      send_rows(result->rows, more, out);
    }
  }
}

void MysqlDialog::send(std::string_view payload, std::string& out) {
  for (;;) {
    const std::string_view part = payload.substr(0, kMaxPacket);
    put(part.size(), 3, out);
    put(sequence_++, 1, out);
    out += part;
    payload.remove_prefix(part.size());
    if (part.size() < kMaxPacket) return;
  }
}

void MysqlDialog::send_ok(std::string& out, bool more) {
  std::string payload(3, '\0');  // OK, rows, id
  put(static_cast<uint64_t>(kAutocommit | (more ? kMoreResults : 0)), 2, payload);
  put(std::min<size_t>(notes_.size(), UINT16_MAX), 2, payload);
  send(payload, out);
}

void MysqlDialog::send_end(std::string& out, bool more) {
  std::string payload = "\xfe";
  put(std::min<size_t>(notes_.size(), UINT16_MAX), 2, payload);
  put(static_cast<uint64_t>(kAutocommit | (more ? kMoreResults : 0)), 2, payload);
  send(payload, out);
}

void MysqlDialog::send_error(int code, std::string_view state, std::string_view message, std::string& out) {
  std::string payload = "\xff";
  put(static_cast<uint64_t>(code), 2, payload);
  payload.append("#").append(state).append(message);
  send(payload, out);
}

void MysqlDialog::send_error(const Error& error, std::string& out) {
  const int code = sql_error_code(error);
  send_error(code, sql_error_state(code), sql_error_message(error), out);
}

void MysqlDialog::send_rows(const ViewRows& rows, bool more, std::string& out) {
  std::string payload;
  put_packed(std::min(rows.columns.size(), kMaxColumns), payload);
  send(payload, out);
  send_columns(rows, out);
  send_end(out, more);
  for (const auto& row : rows.rows) {
    payload.clear();
    for (const auto& cell : row) {
      if (cell) {
        put_text(*cell, payload);
      } else {
        payload += '\xfb';
      }
    }
    send(payload, out);
  }
  send_end(out, more);
}

void MysqlDialog::send_columns(const ViewRows& rows, std::string& out) {
  constexpr uint8_t kVarString = 0xfd;
  constexpr uint32_t kMaxBytes = 0xffff;
  for (const std::string& column : rows.columns) {
    std::string payload;
    for (const std::string_view text : {"def", "", "", ""}) put_text(text, payload);
    put_text(column, payload);
    put_text("", payload);
    put(0x0c, 1, payload);  // bytes that follow
    put(kUtf8mb4, 2, payload);
    put(kMaxBytes, 4, payload);
    put(kVarString, 1, payload);
    put(0, 5, payload);  // flags, decimals, filler
    send(payload, out);
  }
}

}  // namespace sluice
