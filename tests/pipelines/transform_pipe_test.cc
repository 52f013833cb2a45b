// SPDX-License-Identifier: Apache-2.0
// Runs transform/*.pipe. A file holds cases; a case is input lines, "----", output lines:
//
//   === a name
//   semantics: flink                  pipeline settings: semantics, time-zone, route-mode
//   transform: shop.orders            begins a rule; projection, filter, primary-keys, soft-delete belong to it
//   projection: *, qty * 2 AS twice
//   route: shop.orders -> dw.orders   optionally " with <symbol>" (replace-symbol)
//   table shop.orders (id INT NOT NULL, qty INT) key id      shows the source's targets
//   +I 1, 5                           rows of that table: +I, +R (snapshot), -U, +U, -D; one batch until another line
//   add column c INT after id         also drop column, rename column a to b, alter column c TYPE, drop/truncate table
//   eval qty + 1                      an expression over the rows so far: its values and type
//   ----
//   target dw.orders (...)
//
// Values are written as data/value_text.h reads them, text in quotes; NULL and ABSENT for themselves. UPDATE_GOLDEN=1
// rewrites what stands below "----".
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "data/value_text.h"
#include "transform/casts.h"
#include "transform/job_transform.h"

namespace sluice {
namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// Splits at commas outside quotes and parentheses.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  int depth = 0;
  for (const char c : text) {
    if (c == '\'') quoted = !quoted;
    if (!quoted && c == '(') ++depth;
    if (!quoted && c == ')') --depth;
    if (c == ',' && !quoted && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  for (auto& part : parts) part = trimmed(part);
  return parts;
}

DataType parse_type(std::string text) {
  bool nullable = true;
  if (text.ends_with(" NOT NULL")) {
    nullable = false;
    text.resize(text.size() - 9);
  }
  const std::map<std::string, TypeKind> more{{"UBIGINT", TypeKind::kUInt64},
                                             {"JSON", TypeKind::kJson},
                                             {"ENUM", TypeKind::kEnum},
                                             {"UUID", TypeKind::kUuid},
                                             {"YEAR", TypeKind::kYear},
                                             {"SET", TypeKind::kSet},
                                             {"DECIMAL(0, 0)", TypeKind::kDecimal}};
  DataType type;
  if (const auto found = more.find(text); found != more.end()) {
    type.kind = found->second;
  } else {
    const auto open = text.find('(');
    std::vector<int> arguments;
    if (open != std::string::npos) {
      for (const auto& argument : split_list(text.substr(open + 1, text.find(')') - open - 1))) {
        arguments.push_back(std::stoi(argument));
      }
    }
    type = named_type(trimmed(text.substr(0, open)), arguments).value();
  }
  type.nullable = nullable;
  return type;
}

Column parse_column(std::string_view text) {
  Column column;
  const auto blank = text.find(' ');
  column.name = text.substr(0, blank);
  column.type = parse_type(trimmed(text.substr(blank)));
  return column;
}

TableId parse_id(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return {"", std::string(text)};
  return {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1))};
}

// "shop.orders (id INT NOT NULL, qty INT) key id"
TableSchemaPtr parse_table(std::string_view text) {
  auto schema = std::make_shared<TableSchema>();
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  schema->id = parse_id(trimmed(text.substr(0, open)));
  for (const auto& column : split_list(text.substr(open + 1, close - open - 1))) {
    schema->columns.push_back(parse_column(column));
  }
  const auto rest = trimmed(text.substr(close + 1));
  if (rest.starts_with("key ")) {
    for (const auto& name : split_list(rest.substr(4))) schema->key.push_back(schema->find_column(name).value());
  }
  return schema;
}

std::string shown(const TableSchema& schema) {
  std::string text = schema.id.text() + " (";
  for (const auto& column : schema.columns) {
    if (text.back() != '(') text += ", ";
    text += column.name + " " + type_text(column.type);
  }
  text += ")";
  for (size_t i = 0; i < schema.key.size(); ++i) text += (i == 0 ? " key " : ", ") + schema.columns[schema.key[i]].name;
  return text;
}

std::string shown(const ColumnVector& column, const DataType& type, size_t row) {
  if (column.presence(row) == Presence::kNull) return "NULL";
  if (column.presence(row) == Presence::kAbsent) return "ABSENT";
  std::string text;
  append_value_text(column, type, row, text);
  if (is_text(type)) return "'" + text + "'";
  return is_binary(type.kind) ? "x'" + text + "'" : text;
}

constexpr std::pair<std::string_view, RowKind> kKinds[] = {{"+I", RowKind::kInsert},
                                                           {"+R", RowKind::kRead},
                                                           {"-U", RowKind::kUpdateBefore},
                                                           {"+U", RowKind::kUpdateAfter},
                                                           {"-D", RowKind::kDelete}};

std::string_view change_name(SchemaChangeKind kind) {
  switch (kind) {
    case SchemaChangeKind::kCreateTable: return "create table";
    case SchemaChangeKind::kAddColumns: return "add columns";
    case SchemaChangeKind::kAlterColumnType: return "alter columns";
    case SchemaChangeKind::kRenameColumn: return "rename columns";
    case SchemaChangeKind::kDropColumns: return "drop columns";
    case SchemaChangeKind::kTruncateTable: return "truncate table";
    case SchemaChangeKind::kDropTable: return "drop table";
    case SchemaChangeKind::kAlterTableComment: return "alter comment";
  }
  return {};
}

// Runs one case.
class Case {
 public:
  std::string run(const std::vector<std::string>& lines) {
    for (const auto& line : lines) step(line);
    flush();
    return std::move(output_);
  }

 private:
  void print(const std::string& line) { output_ += line + "\n"; }
  void print(const Error& error) {
    // Without the build's own folder in front of the pipeline's name.
    print("error: " + error.message());
  }

  void step(const std::string& line) {
    ++line_;
    for (const auto& [sign, kind] : kKinds) {
      if (line.starts_with(std::string(sign) + " ")) return add_row(kind, line.substr(3));
    }
    const auto is = [&](std::string_view word) { return line.starts_with(word); };
    const auto rest = [&](std::string_view word) { return trimmed(line.substr(word.size())); };
    if (is("eval ")) return eval(rest("eval "));
    flush();
    if (is("semantics: ")) {
      spec_.pipeline.flink_semantics = rest("semantics: ") == "flink";
    } else if (is("time-zone: ")) {
      spec_.pipeline.local_time_zone = rest("time-zone: ");
    } else if (is("route-mode: ")) {
      spec_.pipeline.route_first_match = rest("route-mode: ") == "FIRST_MATCH";
    } else if (is("transform: ")) {
      spec_.transforms.push_back({});
      spec_.transforms.back().source_table = rest("transform: ");
      spec_.transforms.back().location = {"job.yaml", line_};
    } else if (is("projection: ")) {
      spec_.transforms.back().projection = rest("projection: ");
    } else if (is("filter: ")) {
      spec_.transforms.back().filter = rest("filter: ");
    } else if (is("primary-keys: ")) {
      spec_.transforms.back().primary_keys = split_list(rest("primary-keys: "));
    } else if (is("soft-delete")) {
      spec_.transforms.back().soft_delete = true;
    } else if (is("route: ")) {
      add_route(rest("route: "));
    } else if (is("table ")) {
      begin_table(rest("table "));
    } else if (is("check")) {
      transform();
    } else {
      change(line);
    }
  }

  void add_route(const std::string& text) {
    RouteSpec route;
    const auto arrow = text.find(" -> ");
    const auto with = text.find(" with ");
    route.source_table = text.substr(0, arrow);
    route.sink_table = text.substr(arrow + 4, with == std::string::npos ? with : with - arrow - 4);
    if (with != std::string::npos) route.replace_symbol = text.substr(with + 6);
    route.location = {"job.yaml", line_};
    spec_.routes.push_back(route);
  }

  JobTransform* transform() {
    if (transform_ == nullptr && !failed_) {
      Problems problems;
      spec_.file = "job.yaml";
      transform_ = JobTransform::create(spec_, problems);
      failed_ = transform_ == nullptr;
      for (const auto& problem : problems.all()) {
        print(fmt::format("problem: {}:{}: {}: {}", problem.location.file, problem.location.line, problem.key,
                          problem.message));
      }
    }
    return transform_.get();
  }

  void begin_table(const std::string& text) {
    schema_ = parse_table(text);
    batch_.emplace(schema_);
    eval_rows_.emplace(schema_);
    if (schema_->id.schema == "eval") return;
    if (transform() == nullptr) return;
    const auto targets = transform()->targets(schema_);
    if (!targets) return print(targets.error());
    for (const auto& target : *targets) print("target " + shown(*target));
  }

  void add_row(RowKind kind, const std::string& text) {
    const auto values = split_list(text);
    ASSERT_EQ(values.size(), schema_->columns.size()) << text;
    for (auto* batch : {&*batch_, &*eval_rows_}) {
      batch->kinds.push_back(kind);
      batch->origins.push_back({});
      for (size_t i = 0; i < values.size(); ++i) {
        std::string value = values[i];
        if (value == "NULL") {
          batch->columns[i].append_null();
        } else if (value == "ABSENT") {
          batch->columns[i].append_absent();
        } else {
          if (value.starts_with('\'')) value = value.substr(1, value.size() - 2);
          const auto parsed = append_parsed(batch->columns[i], schema_->columns[i].type, value);
          ASSERT_TRUE(parsed) << value;
        }
      }
    }
    auto transactions = std::make_shared<TransactionList>();
    transactions->push_back({{"p"}, "id", 1700000000000});
    batch_->transactions = transactions;
    eval_rows_->transactions = transactions;
  }

  void flush() {
    if (!batch_ || batch_->rows() == 0 || schema_->id.schema == "eval" || transform() == nullptr) return;
    std::vector<ChangeBatch> out;
    ChangeBatch batch(schema_);
    std::swap(batch, *batch_);
    const auto snapshot = [](RowKind kind) { return kind == RowKind::kRead; };
    if (std::all_of(batch.kinds.begin(), batch.kinds.end(), snapshot)) batch.origins.clear();
    const auto applied = transform()->apply(std::move(batch), out);
    if (!applied) return print(applied.error());
    for (const auto& one : out) print_rows(one);
  }

  void print_rows(const ChangeBatch& batch) {
    for (size_t row = 0; row < batch.rows(); ++row) {
      std::string text = batch.schema->id.text();
      for (const auto& [sign, kind] : kKinds) {
        if (kind == batch.kinds[row]) text += fmt::format(" {} ", sign);
      }
      for (size_t i = 0; i < batch.columns.size(); ++i) {
        ASSERT_EQ(batch.columns[i].size(), batch.rows());
        text += (i == 0 ? "" : ", ") + shown(batch.columns[i], batch.schema->columns[i].type, row);
      }
      print(text);
    }
  }

  void eval(const std::string& expression) {
    JobSpec spec;
    spec.file = "job.yaml";
    spec.pipeline = spec_.pipeline;
    spec.transforms.push_back({});
    spec.transforms[0].source_table = "eval.\\.*";
    spec.transforms[0].projection = expression + " AS v";
    Problems problems;
    const auto transform = JobTransform::create(spec, problems);
    if (transform == nullptr) return print(fmt::format("{} => problem: {}", expression, problems.all()[0].message));
    const auto fail = [&](const Error& error) {
      const std::string& message = error.message();
      const std::string place = " of eval.t: ";
      const auto found = message.find(place);
      const auto begin = found == std::string::npos ? message.rfind("': ") + 3 : found + place.size();
      print(fmt::format("{} => error: {}", expression, message.substr(begin)));
    };
    const auto targets = transform->targets(schema_);
    if (!targets) return fail(targets.error());
    std::vector<ChangeBatch> out;
    const auto applied = transform->apply(ChangeBatch(*eval_rows_), out);
    if (!applied) return fail(applied.error());
    std::string values;
    const DataType& type = out.at(0).schema->columns[0].type;
    for (size_t row = 0; row < out[0].rows(); ++row) {
      values += (row == 0 ? "" : " | ") + shown(out[0].columns[0], type, row);
    }
    print(fmt::format("{} => {} {}", expression, values, type_text(type)));
  }

  // A schema change of the current table.
  void change(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string object;
    std::string name;
    words >> verb >> object >> name;
    SchemaChange change;
    change.before = schema_;
    auto after = std::make_shared<TableSchema>(*schema_);
    const auto head = verb.size() + object.size() + 2;
    const auto definition = head < line.size() ? trimmed(line.substr(0, line.find(" after ")).substr(head)) : "";
    const auto index = [&] { return after->find_column(name).value(); };
    if (object == "table") {
      change.kind = verb == "drop" ? SchemaChangeKind::kDropTable : SchemaChangeKind::kTruncateTable;
    } else if (verb == "add") {
      change.kind = SchemaChangeKind::kAddColumns;
      change.columns = {name};
      const auto behind = line.find(" after ");
      const auto at =
          behind == std::string::npos ? after->columns.size() : after->find_column(line.substr(behind + 7)).value() + 1;
      after->columns.insert(after->columns.begin() + static_cast<ptrdiff_t>(at), parse_column(definition));
    } else if (verb == "drop") {
      change.kind = SchemaChangeKind::kDropColumns;
      change.columns = {name};
      after->columns.erase(after->columns.begin() + index());
    } else if (verb == "rename") {
      change.kind = SchemaChangeKind::kRenameColumn;
      std::string to;
      std::string new_name;
      words >> to >> new_name;
      change.columns = {name};
      change.new_names = {new_name};
      after->columns[index()].name = new_name;
    } else if (verb == "alter") {
      change.kind = SchemaChangeKind::kAlterColumnType;
      change.columns = {name};
      after->columns[index()] = parse_column(definition);
    } else {
      FAIL() << "unknown line: " << line;
    }
    if (change.kind != SchemaChangeKind::kDropTable) change.after = after;
    schema_ = change.after != nullptr ? change.after : schema_;
    batch_.emplace(schema_);
    eval_rows_.emplace(schema_);
    const auto changes = transform()->apply(change);
    if (!changes) return print(changes.error());
    for (const auto& one : *changes) {
      std::string text = fmt::format("{}", change_name(one.kind));
      for (const auto& column : one.columns) text += " " + column;
      for (const auto& column : one.new_names) text += " -> " + column;
      print(text + ": " + shown(one.after != nullptr ? *one.after : *one.before));
    }
  }

  JobSpec spec_;
  int line_ = 0;
  bool failed_ = false;
  std::unique_ptr<JobTransform> transform_;
  TableSchemaPtr schema_;
  std::optional<ChangeBatch> batch_;
  std::optional<ChangeBatch> eval_rows_;
  std::string output_;
};

void run_file(const std::filesystem::path& path) {
  std::ifstream input(path);
  std::string rewritten;
  std::string line;
  std::string name;
  std::vector<std::string> lines;
  std::string expected;
  bool below = false;
  const auto finish = [&] {
    if (name.empty()) return;
    const std::string actual = Case().run(lines);
    EXPECT_EQ(actual, expected) << path.filename() << ": " << name;
    rewritten += "=== " + name + "\n";
    for (const auto& one : lines) rewritten += one + "\n";
    rewritten += "----\n" + actual + "\n";
    lines.clear();
    expected.clear();
    below = false;
  };
  while (std::getline(input, line)) {
    if (line.starts_with("=== ")) {
      finish();
      name = line.substr(4);
    } else if (name.empty()) {
      rewritten += line + "\n";
    } else if (line == "----") {
      below = true;
    } else if (!trimmed(line).empty()) {
      below ? void(expected += line + "\n") : lines.push_back(line);
    }
  }
  finish();
  input.close();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << rewritten;
}

class TransformPipes : public testing::TestWithParam<std::filesystem::path> {};
TEST_P(TransformPipes, gives_what_the_file_says) { run_file(GetParam()); }

std::vector<std::filesystem::path> pipe_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_PIPE_FOLDER)) {
    if (entry.path().extension() == ".pipe") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}
INSTANTIATE_TEST_SUITE_P(Files, TransformPipes, testing::ValuesIn(pipe_files()),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace sluice
