// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_connection.h"

#include <fmt/format.h>
// clang-format off: ma_pvio.h needs mysql.h before it, and these to include ma_tls.h
#include <mysql.h>
#define HAVE_TLS
using uchar = unsigned char;
#include <ma_pvio.h>
// clang-format on
#include <mysqld_error.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "connector/relational_writing.h"

namespace sluice {
namespace {

constexpr int kWaitSliceMs = 200;

// libmariadb's wait hook has no argument of ours; the connection that is in a call on this thread leaves its context
// here.
thread_local Context* current_context = nullptr;

class ContextScope {
 public:
  explicit ContextScope(Context* context) : previous_(current_context) { current_context = context; }
  ~ContextScope() { current_context = previous_; }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  Context* previous_;
};

// Returns > 0 when ready, 0 after the timeout, -1 on error or a requested stop.
int wait_for_socket(int socket, bool for_read, int timeout_ms, Context* context) {
  int waited = 0;
  for (;;) {
    if (context != nullptr && context->stop_requested()) return -1;
    int slice = kWaitSliceMs;
    if (timeout_ms >= 0) slice = std::min(slice, timeout_ms - waited);
    pollfd entry{socket, static_cast<short>(for_read ? POLLIN : POLLOUT), 0};
    const int ready = poll(&entry, 1, slice);
    if (ready > 0) return ready;
    if (ready < 0 && errno != EINTR) return -1;
    waited += slice;
    if (timeout_ms >= 0 && waited >= timeout_ms) return 0;
  }
}

int io_wait(my_socket socket, my_bool is_read, int timeout_ms) {
  return wait_for_socket(socket, is_read != 0, timeout_ms > 0 ? timeout_ms : -1, current_context);
}

// libmariadb's TLS waits by this function of the socket's table instead of the hook, and only after a read that came
// back with nothing.
int tls_wait(MARIADB_PVIO* pvio, my_bool is_read, int) {
  return io_wait(mysql_get_socket(pvio->mysql), is_read, static_cast<int>(pvio->mysql->options.read_timeout) * 1000);
}

void obey_context_with_tls(MARIADB_PVIO& pvio) {
  // Reads alone: a socket that does not block would have libmariadb wait for answers while it should be writing.
  const timeval slice{.tv_sec = 0, .tv_usec = kWaitSliceMs * 1000};
  setsockopt(mysql_get_socket(pvio.mysql), SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
  static PVIO_METHODS methods = [&pvio] {
    PVIO_METHODS copy = *pvio.methods;
    copy.wait_io_or_timeout = tls_wait;
    return copy;
  }();
  pvio.methods = &methods;
}

// libmariadb reads large pieces past its cache, and of a TLS record that holds more the rest stays with OpenSSL, where
// the socket does not show it.
bool tls_holds_bytes(const MARIADB_PVIO& pvio) {
  static const bool by_openssl = [] {
    const char* library = nullptr;
    return mariadb_get_infov(nullptr, MARIADB_TLS_LIBRARY, &library) == 0 && library != nullptr &&
           std::string_view(library).starts_with("OpenSSL");
  }();
  if (!by_openssl || pvio.ctls == nullptr || pvio.ctls->ssl == nullptr) return false;
  return SSL_pending(static_cast<const SSL*>(pvio.ctls->ssl)) > 0;
}

// The server quotes the offending value in some messages; it must not get into logs.
std::string without_values(std::string_view text) {
  for (const std::string_view start : {"entry '", "value: '", "near '", "value '"}) {
    const auto begin = text.find(start);
    if (begin == std::string_view::npos) continue;
    const auto value = begin + start.size();
    auto end = text.rfind("' for ");
    if (end == std::string_view::npos || end < value) end = text.rfind("' at line");
    if (end == std::string_view::npos || end < value) end = text.rfind('\'');
    if (end == std::string_view::npos || end < value) return std::string(text.substr(0, value)) + "...";
    return std::string(text.substr(0, value)) + "..." + std::string(text.substr(end));
  }
  return std::string(text);
}

ErrorCode code_of(unsigned number, std::string_view text) {
  switch (number) {
    case 2026:  // TLS: may be a broken connection or a refused certificate; trying again is harmless
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    case ER_SHUTDOWN_COMPLETE:
    case ER_ABORTING_CONNECTION:
    case ER_NEW_ABORTING_CONNECTION:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
    case 1927:  // connection was killed (MariaDB)
    case 4031:  // disconnected because of inactivity (MySQL)
      return ErrorCode::kConnect;
    case 2054:
    case 2058:
    case 2059:
    case 2061:  // authentication plugins
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_HOST_NOT_PRIVILEGED:
    case ER_HOST_IS_BLOCKED:
    case ER_NOT_SUPPORTED_AUTH_MODE:
    case 1698:  // access denied, no password
    case 1820:
    case 1862:  // expired password
      return ErrorCode::kAccess;
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_QUERY_INTERRUPTED:
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_TABLE_DEF_CHANGED:
    case ER_READ_ONLY_MODE:
    case 1020:  // record has changed since last read (snapshot isolation)
    case 1180:  // error during commit
    case 1969:  // max_statement_time (MariaDB)
    case 3024:  // max_execution_time (MySQL)
    case 3101:  // rolled back by group replication
      return ErrorCode::kTransient;
    case ER_OPTION_PREVENTS_STATEMENT:
      return text.find("read-only") != std::string_view::npos || text.find("read_only") != std::string_view::npos
                 ? ErrorCode::kTransient
                 : ErrorCode::kTarget;
    case ER_BAD_DB_ERROR: return ErrorCode::kConfig;
    case ER_BAD_NULL_ERROR:
    case ER_WARN_DATA_OUT_OF_RANGE:
    case 1265:  // data truncated
    case ER_TRUNCATED_WRONG_VALUE:
    case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
    case ER_DATA_TOO_LONG:
    case ER_NO_DEFAULT_FOR_FIELD:
    case ER_CANT_CREATE_GEOMETRY_OBJECT:
    case ER_NET_PACKET_TOO_LARGE:
    case 3140:  // invalid JSON text
      return ErrorCode::kData;
    default: return number >= 2000 && number < 3000 ? ErrorCode::kConnect : ErrorCode::kTarget;
  }
}

std::string_view advice_of(unsigned number) {
  switch (number) {
    case ER_NET_PACKET_TOO_LARGE: return "Raise max_allowed_packet on the server.";
    case ER_BAD_DB_ERROR: return "Create the database, or correct its name in the configuration.";
    case ER_DUP_ENTRY: return kUniqueKeyAdvice;
    case ER_NO_SUCH_TABLE: return "Create the table, or remove it from the job.";
    case 1298: return "Load the time zone tables into the server, or use a numeric offset.";
    default: return {};
  }
}

}  // namespace

MysqlStream::MysqlStream(MysqlConnection* connection, st_mysql_res* result)
    : connection_(connection), result_(result), fields_(mysql_num_fields(result)) {}

MysqlStream::MysqlStream(MysqlStream&& other) noexcept
    : connection_(other.connection_), result_(std::exchange(other.result_, nullptr)), fields_(other.fields_) {}

MysqlStream& MysqlStream::operator=(MysqlStream&& other) noexcept {
  if (this == &other) return *this;
  free();
  connection_ = other.connection_;
  result_ = std::exchange(other.result_, nullptr);
  fields_ = other.fields_;
  return *this;
}

MysqlStream::~MysqlStream() { free(); }

void MysqlStream::free() {
  if (result_ == nullptr) return;
  // Else libmariadb would read the remaining rows, however many and however slowly they come.
  if (mysql_eof(result_) == 0) shutdown(mysql_get_socket(connection_->handle()), SHUT_RDWR);
  mysql_free_result(result_);
}

Result<bool> MysqlStream::next(Context& context, MysqlRow& row) {
  connection_->context_ = &context;
  const ContextScope scope(&context);
  MYSQL_ROW values = mysql_fetch_row(result_);
  if (values != nullptr) {
    row = MysqlRow(values, mysql_fetch_lengths(result_), fields_);
    return true;
  }
  if (mysql_errno(connection_->handle()) != 0) return connection_->last_error("reading rows");
  return false;
}

Result<std::unique_ptr<MysqlConnection>> MysqlConnection::connect(Context& context,
                                                                  const MysqlConnectOptions& options) {
  std::unique_ptr<MysqlConnection> connection(new MysqlConnection());
  MYSQL* mysql = connection->mysql_ = mysql_init(nullptr);
  if (mysql == nullptr) return Error(ErrorCode::kInternal, "cannot create a MySQL client");
  connection->context_ = &context;
  const ContextScope scope(&context);

  // Rounded up: libmariadb counts in seconds, and 0 would mean no limit.
  const auto connect_seconds = static_cast<unsigned>((options.connect_timeout.count() + 999) / 1000);
  mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
  if (options.read_timeout.count() > 0) {
    const auto seconds = static_cast<unsigned>((options.read_timeout.count() + 999) / 1000);
    mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
  }
  mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_optionsv(mysql, MARIADB_OPT_IO_WAIT, &io_wait);
  const unsigned local_infile = options.local_infile ? 1 : 0;
  mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &local_infile);
  // "localhost" means a Unix socket to libmariadb, but a host with a port to everybody who writes a configuration.
  const unsigned protocol = options.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
  const auto set_tls = [&options, mysql] {
    const auto text = [](const std::string& value) { return value.empty() ? nullptr : value.c_str(); };
    mysql_ssl_set(mysql, text(options.tls_key), text(options.tls_cert), text(options.tls_ca), nullptr, nullptr);
    const my_bool enforce = 1;
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
    const my_bool verify = options.tls == MysqlTls::kVerifyCa || options.tls == MysqlTls::kVerifyIdentity;
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  };
  if (options.tls != MysqlTls::kDisabled) set_tls();

  const auto try_connect = [&options, mysql] {
    const char* database = options.database.empty() ? nullptr : options.database.c_str();
    const char* host = options.socket.empty() ? options.hostname.c_str() : nullptr;
    const char* socket = options.socket.empty() ? nullptr : options.socket.c_str();
    return mysql_real_connect(mysql, host, options.username.c_str(), options.password.c_str(), database,
                              static_cast<unsigned>(options.port), socket,
                              options.found_rows ? CLIENT_FOUND_ROWS : 0) != nullptr;
  };
  bool connected = try_connect();
  if (!connected && options.tls == MysqlTls::kPreferred && mysql_errno(mysql) == 2026) {
    const my_bool off = 0;
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &off);
    connected = try_connect();
  }
  if (!connected) {
    if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while connecting");
    const std::string place =
        options.socket.empty() ? fmt::format("{}:{}", options.hostname, options.port) : options.socket;
    return connection->last_error(fmt::format("connecting to {}", place));
  }
  if (mysql_get_ssl_cipher(mysql) != nullptr) obey_context_with_tls(*mysql->net.pvio);
  const std::string_view version = mysql_get_server_info(mysql);
  connection->mariadb_ = version.find("MariaDB") != std::string_view::npos;
  connection->version_ = parse_mysql_version(version);
  RETURN_IF_ERROR(connection->set_up_session(context, options.plain_values));
  return connection;
}

// A global setting is every new session's, and DEFAULT would be it again. Cut off by a limit of time, a long statement
// is repeated for ever; by one of rows, it ends as if there were no more.
Result<> MysqlConnection::set_up_session(Context& context, bool plain_values) {
  std::string sql =
      fmt::format("SET time_zone = '+00:00', autocommit = 1, sql_select_limit = {}, {} = 0",
                  std::numeric_limits<uint64_t>::max(), mariadb_ ? "max_statement_time" : "max_execution_time");
  if (plain_values) sql += ", sql_mode = IF(FIND_IN_SET('ANSI_QUOTES', @@sql_mode) > 0, 'ANSI_QUOTES', '')";
  RETURN_IF_ERROR(execute(context, sql));
  return {};
}

MysqlConnection::~MysqlConnection() {
  if (mysql_ == nullptr) return;
  const ContextScope scope(nullptr);
  mysql_close(mysql_);
}

Result<> MysqlConnection::run(Context& context, std::string_view sql) {
  context_ = &context;
  const ContextScope scope(&context);
  if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped before a statement was sent");
  if (mysql_send_query(mysql_, sql.data(), sql.size()) != 0) return last_error("sending a statement");
  if (mysql_read_query_result(mysql_) != 0) return last_error("running a statement");
  return {};
}

Result<uint64_t> MysqlConnection::execute(Context& context, std::string_view sql) {
  RETURN_IF_ERROR(run(context, sql));
  if (mysql_field_count(mysql_) != 0) {
    MYSQL_RES* result = mysql_store_result(mysql_);
    if (result != nullptr) mysql_free_result(result);
    return 0;
  }
  return mysql_affected_rows(mysql_);
}

Result<MysqlRows> MysqlConnection::query(Context& context, std::string_view sql) {
  ASSIGN_OR_RETURN(MysqlStream rows, stream(context, sql));
  MysqlRows all;
  MysqlRow row;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, rows.next(context, row));
    if (!more) return all;
    auto& copy = all.emplace_back(row.size());
    for (unsigned i = 0; i < row.size(); ++i) {
      if (!row.is_null(i)) copy[i] = std::string(row[i]);
    }
  }
}

Result<std::optional<std::string>> MysqlConnection::query_value(Context& context, std::string_view sql) {
  ASSIGN_OR_RETURN(MysqlRows rows, query(context, sql));
  if (rows.empty() || rows[0].empty()) return std::optional<std::string>();
  return std::move(rows[0][0]);
}

Result<MysqlStream> MysqlConnection::stream(Context& context, std::string_view sql) {
  RETURN_IF_ERROR(run(context, sql));
  MYSQL_RES* result = mysql_use_result(mysql_);
  if (result == nullptr) {
    if (mysql_errno(mysql_) != 0) return last_error("running a query");
    return Error(ErrorCode::kInternal, "a statement that should return rows returned none");
  }
  return MysqlStream(this, result);
}

Result<uint64_t> MysqlConnection::load_data(Context& context, std::string_view sql, const InfileReader& read) {
  struct Handler {
    static int init(void** handle, const char*, void* user) {
      *handle = user;
      return 0;
    }
    static int read(void* handle, char* buffer, unsigned size) {
      return static_cast<int>((*static_cast<const InfileReader*>(handle))(std::span<char>(buffer, size)));
    }
    static void end(void*) {}
    static int error(void*, char* text, unsigned size) {
      if (size > 0) text[0] = '\0';
      return 2000;  // CR_UNKNOWN_ERROR
    }
  };
  mysql_set_local_infile_handler(mysql_, &Handler::init, &Handler::read, &Handler::end, &Handler::error,
                                 const_cast<InfileReader*>(&read));
  auto rows = execute(context, sql);
  mysql_set_local_infile_default(mysql_);
  return rows;
}

std::string_view MysqlConnection::version_text() const { return mysql_get_server_info(mysql_); }
uint64_t MysqlConnection::thread_id() const { return mysql_thread_id(mysql_); }

void MysqlConnection::append_quoted(std::string_view value, std::string& sql) const {
  const size_t start = sql.size();
  sql.resize(start + 2 * value.size() + 3);
  sql[start] = '\'';
  const unsigned long length = mysql_real_escape_string(mysql_, sql.data() + start + 1, value.data(), value.size());
  sql[start + 1 + length] = '\'';
  sql.resize(start + length + 2);
}

void MysqlConnection::append_hex_literal(std::string_view bytes, std::string& sql) {
  if (bytes.empty()) {
    sql += "''";
    return;
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  size_t at = sql.size();
  sql.resize(at + 2 + 2 * bytes.size());
  sql[at++] = '0';
  sql[at++] = 'x';
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    sql[at++] = kDigits[value >> 4];
    sql[at++] = kDigits[value & 15];
  }
}

std::string MysqlConnection::quote_identifier(std::string_view name) {
  std::string quoted = "`";
  for (const char c : name) {
    if (c == '`') quoted += '`';
    quoted += c;
  }
  quoted += '`';
  return quoted;
}

Result<bool> MysqlConnection::wait_readable(Context& context, std::chrono::milliseconds timeout) {
  const MARIADB_PVIO* pvio = mysql_->net.pvio;
  if (pvio == nullptr) return Error(ErrorCode::kConnect, "the connection to the server is closed");
  if (pvio->cache != nullptr && pvio->cache_pos > pvio->cache && pvio->cache_pos < pvio->cache + pvio->cache_size) {
    return true;
  }
  if (tls_holds_bytes(*pvio)) return true;
  const int ready = wait_for_socket(mysql_get_socket(mysql_), true, static_cast<int>(timeout.count()), &context);
  if (ready < 0 && !context.stop_requested()) return Error(ErrorCode::kConnect, "waiting for the server failed");
  return ready > 0;
}

unsigned long MysqlConnection::read_packet(Context& context) {
  context_ = &context;
  const ContextScope scope(&context);
  return mysql_net_read_packet(mysql_);
}

Error MysqlConnection::last_error(std::string_view doing) const {
  if (context_ != nullptr && context_->stop_requested()) return Error(ErrorCode::kStopped, "stopped by request");
  return make_error(mysql_errno(mysql_), mysql_error(mysql_), doing);
}

Error MysqlConnection::make_error(unsigned number, std::string_view text, std::string_view doing) {
  Error error(code_of(number, text), fmt::format("{} (server error {})", without_values(text), number),
              std::string(advice_of(number)));
  return doing.empty() ? error : std::move(error).context(doing);
}

unsigned MysqlConnection::last_error_number() const { return mysql_errno(mysql_); }

uint32_t parse_mysql_version(std::string_view text) {
  // MariaDB puts this in front so that old replicas take it for a MySQL they know.
  if (text.starts_with("5.5.5-")) text.remove_prefix(6);
  uint32_t parts[3] = {};
  size_t at = 0;
  for (uint32_t& part : parts) {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      part = part * 10 + static_cast<uint32_t>(text[at++] - '0');
    }
    if (at >= text.size() || text[at] != '.') break;
    ++at;
  }
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

}  // namespace sluice
