// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_connector.h"

#include "connectors/postgres/postgres_sink.h"
#include "connectors/postgres/postgres_source.h"

namespace sluice {
namespace {

struct PostgresSinkOptions {
  std::string hostname;
  int64_t port = 0;
  std::string username;
  std::string password;
  std::string database;
  std::chrono::milliseconds connect_timeout{};
  std::string tls_mode;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;

  static std::span<const Option<PostgresSinkOptions>> options() {
    using T = PostgresSinkOptions;
    using O = Option<T>;
    static const O kOptions[] = {
        O{{.name = "hostname", .summary = "Server to write to: a name, an address, or the folder of its Unix socket."},
          &T::hostname},
        O{{.name = "port", .summary = "TCP port.", .default_value = "5432", .min = 1, .max = 65535}, &T::port},
        O{{.name = "username", .summary = "User that owns, or may create, the tables."}, &T::username},
        O{{.name = "password", .summary = "Password of the user.", .default_value = "", .secret = true}, &T::password},
        O{{.name = "database",
           .summary = "Database that receives the tables; a source table shop.orders goes to its schema \"shop\".",
           .aliases = {"database-name"}},
          &T::database},
        O{{.name = "connect.timeout", .summary = "Longest wait for a connection.", .default_value = "30s"},
          &T::connect_timeout},
        O{{.name = "ssl.mode",
           .summary = "Whether the connection is encrypted and the server checked, as libpq's sslmode.",
           .default_value = "prefer",
           .allowed = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}},
          &T::tls_mode},
        O{{.name = "ssl.ca", .summary = "File with the certificates of trusted authorities.", .default_value = ""},
          &T::tls_ca},
        O{{.name = "ssl.cert", .summary = "File with the client's certificate.", .default_value = ""}, &T::tls_cert},
        O{{.name = "ssl.key", .summary = "File with the client's private key.", .default_value = ""}, &T::tls_key},
    };
    return kOptions;
  }
};

std::unique_ptr<Sink> make_postgres_sink(const Settings& settings, Problems& problems) {
  const auto options = parse_options<PostgresSinkOptions>(settings, "postgres sink", problems);
  if (problems.has_errors()) return nullptr;
  return std::make_unique<PostgresSink>(PostgresConnectOptions{.hostname = options.hostname,
                                                               .port = options.port,
                                                               .username = options.username,
                                                               .password = options.password,
                                                               .database = options.database,
                                                               .connect_timeout = options.connect_timeout,
                                                               .tls_mode = options.tls_mode,
                                                               .tls_ca = options.tls_ca,
                                                               .tls_cert = options.tls_cert,
                                                               .tls_key = options.tls_key});
}

}  // namespace

ConnectorInfo postgres_connector() {
  return {.type = "postgres",
          .summary = "PostgreSQL 12 and later: copies tables and follows a logical replication slot; writes tables.",
          .make_source = &make_postgres_source,
          .make_sink = &make_postgres_sink,
          .source_options = &postgres_source_options,
          .sink_options = &option_help<PostgresSinkOptions>};
}

}  // namespace sluice
