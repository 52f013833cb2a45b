// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "connector/confines_tables.h"
#include "connector/writes_ahead.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_sink_ledger.h"
#include "connectors/mysql/mysql_sink_reader.h"
#include "connectors/mysql/mysql_sink_schema.h"
#include "connectors/mysql/mysql_sink_writer.h"

namespace sluice {
namespace {

constexpr std::array kTlsModes = std::to_array<std::string_view>(
    {"disabled", "preferred", "required", "verify_ca", "verify_identity"});  // in the order of MysqlTls

struct MysqlSinkOptions {
  std::string hostname;
  int64_t port = 0;
  std::string username;
  std::string password;
  std::string database;
  std::string socket;
  std::chrono::milliseconds connect_timeout{};
  std::string tls_mode;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;

  static std::span<const Option<MysqlSinkOptions>> options() {
    using T = MysqlSinkOptions;
    using O = Option<T>;
    static const O kOptions[] = {
        O{{.name = "hostname", .summary = "Server to write to."}, &T::hostname},
        O{{.name = "port", .summary = "TCP port.", .default_value = "3306", .min = 1, .max = 65535}, &T::port},
        O{{.name = "username", .summary = "User that may create and write the tables."}, &T::username},
        O{{.name = "password", .summary = "Password of the user.", .default_value = "", .secret = true}, &T::password},
        O{{.name = "database",
           .summary =
               "Database that keeps the ledger, and the tables whose names bring no database; created if missing.",
           .default_value = "sluice",
           .aliases = {"database-name"}},
          &T::database},
        O{{.name = "socket", .summary = "Unix socket to use instead of hostname and port.", .default_value = ""},
          &T::socket},
        O{{.name = "connect.timeout", .summary = "Longest wait for a connection.", .default_value = "30s"},
          &T::connect_timeout},
        O{{.name = "ssl.mode",
           .summary = "Whether the connection is encrypted and the server checked.",
           .default_value = "preferred",
           .allowed = {kTlsModes.begin(), kTlsModes.end()}},
          &T::tls_mode},
        O{{.name = "ssl.ca", .summary = "File with the certificates of trusted authorities.", .default_value = ""},
          &T::tls_ca},
        O{{.name = "ssl.cert", .summary = "File with the client's certificate.", .default_value = ""}, &T::tls_cert},
        O{{.name = "ssl.key", .summary = "File with the client's private key.", .default_value = ""}, &T::tls_key},
    };
    return kOptions;
  }
};

class MysqlSink : public Sink, public ConfinesTables, public WritesAhead {
 public:
  explicit MysqlSink(MysqlConnectOptions options) : options_(std::move(options)) {}

  Result<> open(Context& context) override {
    MysqlConnectOptions without_database = options_;
    without_database.database.clear();
    ASSIGN_OR_RETURN(auto connection, MysqlConnection::connect(context, without_database));
    const std::string name = MysqlConnection::quote_identifier(options_.database);
    if (!connection->execute(context, "USE " + name)) {
      RETURN_IF_ERROR(connection->execute(context, "CREATE DATABASE IF NOT EXISTS " + name));
    }
    ASSIGN_OR_RETURN(connection_, connect(context));
    ASSIGN_OR_RETURN(form_, mysql_table_form(context, *connection_));
    return {};
  }
  Guarantee guarantee() const override { return Guarantee::kExactlyOnce; }

  Result<std::unique_ptr<Ledger>> open_ledger(Context& context, const std::string& job) override {
    ASSIGN_OR_RETURN(auto connection, connect(context));
    return std::unique_ptr<Ledger>(std::make_unique<MysqlLedger>(std::move(connection), job));
  }

  Result<std::unique_ptr<SinkWriter>> open_writer(Context& context, const std::string& job, uint64_t epoch) override {
    ASSIGN_OR_RETURN(auto connection, connect(context));
    ASSIGN_OR_RETURN(const MysqlRows settings,
                     connection->query(context, "SELECT @@local_infile, @@max_allowed_packet"));
    MysqlWriter::Limits limits;
    limits.load_data = settings[0][0] == "1";
    size_t packet = 0;
    const std::string text = settings[0][1].value_or("0");
    std::from_chars(text.data(), text.data() + text.size(), packet);
    // A statement grows by one more row than the limit.
    limits.statement_bytes = std::clamp<size_t>(packet / 2, 1024, limits.statement_bytes);
    return std::unique_ptr<SinkWriter>(std::make_unique<MysqlWriter>(std::move(connection), job, epoch, limits));
  }

  Result<TableSchemaPtr> find_table(Context& context, const TableId& table) override {
    ASSIGN_OR_RETURN(MysqlTargetTable found, describe_mysql_table(context, *connection_, table));
    if (found.schema.columns.empty()) return TableSchemaPtr();
    return TableSchemaPtr(std::make_shared<TableSchema>(std::move(found.schema)));
  }

  Result<bool> is_empty(Context& context, const TableId& table) override {
    ASSIGN_OR_RETURN(const MysqlTargetTable found, describe_mysql_table(context, *connection_, table));
    if (found.schema.columns.empty()) return true;
    ASSIGN_OR_RETURN(const MysqlRows rows,
                     connection_->query(context, fmt::format("SELECT 1 FROM {} LIMIT 1", qualified_mysql(table))));
    return rows.empty();
  }

  Result<> apply(Context& context, const SchemaChange& change) override {
    return apply_mysql_change(context, *connection_, change, form_).context("changing table " + change.table().text());
  }

  std::vector<std::string> ddl_for(const SchemaChange& change) const override { return mysql_ddl(change, form_); }

  // Tables that were there before may have any collation.
  bool keys_compare_bytewise() const override { return false; }
  Result<std::set<TableId>> confined_tables(Context& context, std::span<const TableSchemaPtr> tables) override {
    return mysql_tables_to_confine(context, *connection_, tables);
  }

  Result<std::unique_ptr<TableReader>> open_table_reader(Context& context) override {
    ASSIGN_OR_RETURN(auto connection, connect(context));
    return std::unique_ptr<TableReader>(std::make_unique<MysqlReader>(std::move(connection)));
  }

 private:
  Result<std::unique_ptr<MysqlConnection>> connect(Context& context) const {
    ASSIGN_OR_RETURN(auto connection, MysqlConnection::connect(context, options_));
    // Strict, so that no value is altered; zero dates and zeros in AUTO_INCREMENT columns are values like others.
    RETURN_IF_ERROR(connection->execute(
        context,
        "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'"));
    RETURN_IF_ERROR(connection->execute(context, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"));
    // A writer may wait for long with an open transaction, until it is its turn. Eight hours are the server's default.
    RETURN_IF_ERROR(connection->execute(context, "SET SESSION wait_timeout = 28800"));
    // Servers before 10.3 do not know them.
    for (const char* name : {"idle_transaction_timeout", "idle_write_transaction_timeout"}) {
      if (connection->is_mariadb()) (void)connection->execute(context, fmt::format("SET SESSION {} = 0", name));
    }
    return connection;
  }

  MysqlConnectOptions options_;
  std::unique_ptr<MysqlConnection> connection_;
  MysqlTableForm form_;  // asked for when it is opened
};

}  // namespace

std::unique_ptr<Sink> make_mysql_sink(const Settings& settings, Problems& problems) {
  const auto options = parse_options<MysqlSinkOptions>(settings, "mysql sink", problems);
  if (problems.has_errors()) return nullptr;
  const auto mode = std::ranges::find(kTlsModes, options.tls_mode) - kTlsModes.begin();
  return std::make_unique<MysqlSink>(MysqlConnectOptions{.hostname = options.hostname,
                                                         .port = options.port,
                                                         .username = options.username,
                                                         .password = options.password,
                                                         .database = options.database,
                                                         .socket = options.socket,
                                                         .connect_timeout = options.connect_timeout,
                                                         .tls = static_cast<MysqlTls>(mode),
                                                         .tls_ca = options.tls_ca,
                                                         .tls_cert = options.tls_cert,
                                                         .tls_key = options.tls_key,
                                                         .found_rows = true,
                                                         .local_infile = true});
}

std::vector<OptionHelp> mysql_sink_options() { return option_help<MysqlSinkOptions>(); }

}  // namespace sluice
