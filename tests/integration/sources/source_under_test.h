// SPDX-License-Identifier: Apache-2.0
// What the conformance suite needs to know of a source beyond its contract. One class a source, and one line in
// source_under_test(): a new source is held to the suite by writing these.
//
// The suite's own statements are those that every SQL server understands: CREATE SCHEMA, names with a schema, INT,
// VARCHAR, INSERT, UPDATE, DELETE, COMMIT, ALTER TABLE ADD COLUMN.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connector/source.h"
#include "support/database_server.h"

namespace sluice::support {

struct SourceOptions {
  std::string tables;     // the pattern; empty: `schema`.*
  int chunk_rows = 1000;  // rows a chunk
  int port = 0;           // 0: the server's own
  std::string password;   // empty: the right one
  std::string startup;    // where to begin; empty: with a copy
};

// A type of which a key can be: `literal(i)` are different values, in no order, for 0 <= i < 200.
struct KeyType {
  std::string definition;  // without NOT NULL
  std::function<std::string(int)> literal;
};

// A type with the edges of its values, as literals.
struct ValueType {
  std::string definition;
  std::vector<std::string> literals;
};

class SourceUnderTest {
 public:
  virtual ~SourceUnderTest() = default;
  // Why the server cannot be had here; empty if it can.
  virtual std::string unavailable() const { return {}; }
  // Started when first asked for; one for the whole run.
  virtual DatabaseServer& server() = 0;
  // Captures the tables of `schema` as the options say; not opened.
  virtual std::unique_ptr<Source> make(const std::string& schema, const SourceOptions& options) = 0;

  virtual std::vector<KeyType> key_types() const = 0;
  virtual std::vector<ValueType> value_types() const = 0;
  // A type for text of any length.
  virtual std::string long_text() const = 0;
  // Brings the server's own estimate of a table's rows up to date.
  virtual std::string analyze(const std::string& table) const = 0;
  // Statements after which an update of this table in this session logs the key and the columns it changes, and of the
  // others at least not `untouched`.
  virtual std::string log_partial_rows(const std::string& table, const std::string& untouched) const = 0;
  // False if tables whose key begins with text are not cut by it.
  virtual bool cuts_text_keys() const { return true; }
  // True if a snapshot goes on to show a table without the columns that were added after it.
  virtual bool reads_past_added_columns() const { return false; }
  // Makes other sessions that read or change the table wait until the session commits.
  virtual std::string lock_table(const std::string& table) const = 0;
};

// "mariadb", "mysql", "postgres".
std::vector<std::string> sources_under_test();
SourceUnderTest& source_under_test(const std::string& name);

}  // namespace sluice::support
