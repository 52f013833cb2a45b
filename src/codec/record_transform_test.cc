// SPDX-License-Identifier: Apache-2.0
// What transforms make of events. Expected texts are made by us from the description of the transforms; "unsure" says
// where that description is.
#include "codec/record_transform.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/java_regex.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kRow =
    R"({"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"default":"x","field":"name"}],"optional":true,"name":"it.shop.t.Value","field":")";

std::string envelope(const std::string& op, const std::string& before, const std::string& after) {
  return fmt::format(
      R"({{"schema":{{"type":"struct","fields":[{0}before"}},{0}after"}},{{"type":"struct","fields":[{{"type":"int64","optional":false,"field":"ts_ms"}},{{"type":"string","optional":true,"field":"table"}}],"optional":false,"name":"S","version":1,"field":"source"}},{{"type":"string","optional":false,"field":"op"}}],"optional":false,"name":"it.shop.t.Envelope","version":2}},"payload":{{"before":{1},"after":{2},"source":{{"ts_ms":17,"table":"t"}},"op":"{3}"}}}})",
      kRow, before, after, op);
}

constexpr std::string_view kKey =
    R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"it.shop.t.Key"},"payload":{"id":1}})";
const std::string kCreate = envelope("c", "null", R"({"id":1,"name":"a\n\u00e4 1.0E10"})");
const std::string kDelete = envelope("d", R"({"id":1,"name":null})", "null");

class RecordTransformTest : public testing::Test {
 protected:
  // "key=value" lines.
  void transforms(std::string_view lines) {
    Settings settings{{"job", 1}, {}};
    int line = 1;
    while (!lines.empty()) {
      const size_t end = std::min(lines.find('\n'), lines.size());
      const std::string_view each = lines.substr(0, end);
      const size_t equals = each.find('=');
      settings.entries.push_back(
          {std::string(each.substr(0, equals)), std::string(each.substr(equals + 1)), {"job", line++}});
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    Problems problems;
    chain_ = TransformChain::make(settings, problems);
    problems_ = problems.text();
  }
  // "topic key value", "dropped", or the error. Without schemas, unless they are asked for.
  std::string apply(const std::string& value, bool schemas = false, const char* key = kKey.data()) {
    EXPECT_EQ(problems_, "");
    EventRecord record{.topic = "it.shop.t", .key = {}, .value = {}, .headers = {}};
    record.key = reader_.read(key == nullptr ? std::string_view() : kKey).value();
    if (!value.empty()) record.value = reader_.read(value).value();
    record.headers.push_back({"h", {simple_schema("string", false), json_string("v")}});
    const auto kept = chain_->apply(record);
    if (!kept) return kept.error().describe();
    if (!*kept) return "dropped";
    std::string out = record.topic;
    std::string text;
    for (const RecordPart* part : {&record.key, &record.value}) {
      out += write_record_part(*part, schemas, text) ? " " + text : " -";
    }
    for (const RecordHeader& header : record.headers) {
      if (header.name != "h") out += fmt::format(" {}:{}", header.name, json_plain(header.part.value));
    }
    return out;
  }

  std::unique_ptr<TransformChain> chain_;
  std::string problems_;
  RecordReader reader_;
};

TEST_F(RecordTransformTest, what_is_not_touched_comes_out_byte_for_byte) {
  transforms("transforms=d\ntransforms.d.type=org.apache.kafka.connect.transforms.DropHeaders\ntransforms.d.headers=x");
  EXPECT_EQ(apply(kCreate, true), fmt::format("it.shop.t {} {}", kKey, kCreate));
}

TEST_F(RecordTransformTest, the_row_instead_of_the_envelope) {
  transforms("transforms=u\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState");
  EXPECT_EQ(apply(kCreate), R"(it.shop.t {"id":1} {"id":1,"name":"a\n\u00e4 1.0E10"})");
  // unsure: null with the row's schema, as Debezium's default is described; Kafka does not take it for a tombstone.
  EXPECT_THAT(apply(kDelete, true), HasSubstr(R"("optional":true,"name":"it.shop.t.Value"},"payload":null})"));
  EXPECT_EQ(apply(kDelete), R"(it.shop.t {"id":1} null)");
  EXPECT_EQ(apply(""), "dropped");
  EXPECT_EQ(apply(envelope("t", "null", "null")), "dropped");
  const std::string other = R"({"schema":{"type":"string","optional":false},"payload":"beat"})";
  EXPECT_EQ(apply(other), R"(it.shop.t {"id":1} "beat")");
}

TEST_F(RecordTransformTest, deletions_and_tombstones_are_handled_as_asked) {
  const auto mode = [&](const std::string& lines) {
    transforms("transforms=u\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState\n" + lines);
  };
  const std::string option = "transforms.u.delete.tombstone.handling.mode=";
  mode(option + "drop");
  EXPECT_EQ(apply(kDelete), "dropped");
  EXPECT_EQ(apply(""), "dropped");
  mode(option + "delete-to-tombstone");
  EXPECT_EQ(apply(kDelete, true), fmt::format("it.shop.t {} -", kKey));
  EXPECT_EQ(apply(""), "dropped");
  mode(option + "rewrite");
  EXPECT_EQ(apply(kDelete), R"(it.shop.t {"id":1} {"id":1,"name":null,"__deleted":"true"})");
  EXPECT_EQ(apply(kCreate), R"(it.shop.t {"id":1} {"id":1,"name":"a\n\u00e4 1.0E10","__deleted":"false"})");
  EXPECT_EQ(apply(""), "dropped");
  mode(option + "rewrite-with-tombstone");
  EXPECT_EQ(apply(""), R"(it.shop.t {"id":1} -)");
  mode("transforms.u.drop.tombstones=false\ntransforms.u.delete.handling.mode=none");
  EXPECT_EQ(apply(kDelete), R"(it.shop.t {"id":1} null)");
  EXPECT_EQ(apply(""), R"(it.shop.t {"id":1} -)");
}

TEST_F(RecordTransformTest, deletions_go_where_the_rows_column_says_too) {
  const std::string gone = envelope("d", R"({"id":1,"name":"elsewhere"})", "null");
  const auto mode = [&](const std::string& lines) {
    transforms(
        "transforms=u\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState\n"
        "transforms.u.route.by.field=name\n" +
        lines);
  };
  mode("");
  EXPECT_EQ(apply(envelope("c", "null", R"({"id":1,"name":"there"})")), R"(there {"id":1} {"id":1,"name":"there"})");
  EXPECT_EQ(apply(gone), R"(elsewhere {"id":1} null)");
  EXPECT_EQ(apply(kDelete), R"(it.shop.t {"id":1} null)");
  mode("transforms.u.delete.tombstone.handling.mode=delete-to-tombstone");
  EXPECT_EQ(apply(gone), R"(elsewhere {"id":1} -)");
  mode("transforms.u.delete.tombstone.handling.mode=rewrite");
  EXPECT_EQ(apply(gone), R"(elsewhere {"id":1} {"id":1,"name":"elsewhere","__deleted":"true"})");
}

TEST_F(RecordTransformTest, fields_of_the_envelope_are_added_to_the_row_and_as_headers) {
  transforms(
      "transforms=u\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState\n"
      "transforms.u.add.fields=op,source.ts_ms:when,table\ntransforms.u.add.headers=op,source.ts_ms\n"
      "transforms.u.delete.tombstone.handling.mode=rewrite");
  EXPECT_EQ(apply(kDelete),
            R"(it.shop.t {"id":1} {"id":1,"name":null,"__op":"d","__when":17,"__table":"t","__deleted":"true"})"
            " __op:d __source_ts_ms:17");
  // unsure: whether the changed schema is optional, as the row's own is; Connect's transforms drop that.
  EXPECT_THAT(
      apply(kCreate, true),
      HasSubstr(
          R"({"type":"string","optional":true,"default":"x","field":"name"},{"type":"string","optional":true,"field":"__op"},{"type":"int64","optional":true,"field":"__when"},{"type":"string","optional":true,"field":"__table"},{"type":"string","optional":true,"field":"__deleted"}],"optional":false,"name":"it.shop.t.Value"})"));
}

TEST_F(RecordTransformTest, topics_are_routed_by_whole_names) {
  transforms(
      "transforms=r\ntransforms.r.type=org.apache.kafka.connect.transforms.RegexRouter\n"
      "transforms.r.regex=([^.]+)\\.([^.]+)\\.([^.]+)\ntransforms.r.replacement=$3-$1");
  EXPECT_THAT(apply(kCreate), testing::StartsWith("t-it {"));
  transforms(
      "transforms=r\ntransforms.r.type=org.apache.kafka.connect.transforms.RegexRouter\n"
      "transforms.r.regex=shop\ntransforms.r.replacement=x");
  EXPECT_THAT(apply(kCreate), testing::StartsWith("it.shop.t {"));
}

TEST_F(RecordTransformTest, shards_become_one_table_whose_keys_tell_them_apart) {
  const std::string lines =
      "transforms=r\ntransforms.r.type=io.debezium.transforms.ByLogicalTableRouter\n"
      "transforms.r.topic.regex=(.*)shop(.*)\ntransforms.r.topic.replacement=$1all$2\n";
  transforms(lines);
  EXPECT_THAT(apply(kCreate),
              testing::StartsWith(R"(it.all.t {"id":1,"__dbz__physicalTableIdentifier":"it.shop.t"} {"before")"));
  EXPECT_THAT(apply(kCreate, true), HasSubstr(R"("name":"it.all.t.Envelope","version":2})"));
  EXPECT_THAT(apply(kCreate, true), HasSubstr(R"("optional":true,"name":"it.all.t.Value","field":"after"})"));
  EXPECT_THAT(apply("", true),
              HasSubstr(R"("field":"__dbz__physicalTableIdentifier"}],"optional":false,"name":"it.all.t.Key"})"));
  transforms(lines +
             "transforms.r.key.field.name=shard\ntransforms.r.key.field.regex=it\\.(.*)\\.t\n"
             "transforms.r.key.field.replacement=$1");
  EXPECT_THAT(apply(kCreate), testing::StartsWith(R"(it.all.t {"id":1,"shard":"shop"} )"));
  transforms(lines + "transforms.r.key.enforce.uniqueness=false");
  EXPECT_THAT(apply(kCreate), testing::StartsWith(R"(it.all.t {"id":1} )"));
}

TEST_F(RecordTransformTest, stock_transforms_change_fields) {
  const std::string unwrap = "transforms=u,x\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState\n";
  const std::string stock = "transforms.x.type=org.apache.kafka.connect.transforms.";
  transforms(unwrap + stock +
             "InsertField$Value\ntransforms.x.static.field=s!\ntransforms.x.static.value=v\n"
             "transforms.x.topic.field=topic");
  EXPECT_EQ(apply(kCreate), R"(it.shop.t {"id":1} {"id":1,"name":"a\n\u00e4 1.0E10","topic":"it.shop.t","s":"v"})");
  EXPECT_THAT(apply(kCreate, true), HasSubstr(R"({"type":"string","optional":false,"field":"s"}])"));
  transforms(unwrap + stock + "ReplaceField$Value\ntransforms.x.exclude=name\ntransforms.x.renames=id:number");
  EXPECT_EQ(apply(kCreate), R"(it.shop.t {"id":1} {"number":1})");
  transforms(unwrap + stock + "MaskField$Value\ntransforms.x.fields=name,id");
  EXPECT_EQ(apply(kCreate), R"(it.shop.t {"id":1} {"id":0,"name":""})");
  EXPECT_EQ(apply(envelope("c", "null", R"({"id":1,"name":null})")), R"(it.shop.t {"id":1} {"id":0,"name":null})");
  transforms(unwrap + stock + "MaskField$Value\ntransforms.x.fields=name,id\ntransforms.x.replacement=***");
  EXPECT_THAT(apply(kCreate), HasSubstr("MaskField cannot mask field 'id' of type int32"));
  transforms(unwrap + stock + "MaskField$Value\ntransforms.x.fields=name,id\ntransforms.x.replacement=7");
  EXPECT_EQ(apply(kCreate), R"(it.shop.t {"id":1} {"id":7,"name":"7"})");
  transforms(unwrap + stock + "ValueToKey\ntransforms.x.fields=name,id");
  EXPECT_EQ(apply(envelope("c", "null", R"({"id":1,"name":"b"})")),
            R"(it.shop.t {"name":"b","id":1} {"id":1,"name":"b"})");
  EXPECT_THAT(apply(kDelete), HasSubstr("RecordIsTombstone"));
  transforms(unwrap + stock + "ExtractField$Key\ntransforms.x.field=id");
  EXPECT_THAT(apply(kCreate, true),
              testing::StartsWith(R"(it.shop.t {"schema":{"type":"int32","optional":false},"payload":1} )"));
  transforms(unwrap + stock + "HoistField$Value\ntransforms.x.field=row");
  EXPECT_EQ(apply(kCreate), R"(it.shop.t {"id":1} {"row":{"id":1,"name":"a\n\u00e4 1.0E10"}})");
  transforms(unwrap + stock + "Cast$Value\ntransforms.x.spec=id:string,name:float64");
  EXPECT_EQ(apply(envelope("c", "null", R"({"id":1,"name":"1e10"})")),
            R"(it.shop.t {"id":1} {"id":"1","name":1.0E10})");
  EXPECT_THAT(apply(kCreate), HasSubstr("Cast of name from string to double: a value does not fit"));
  transforms("transforms=x\n" + stock + "Flatten$Value\ntransforms.x.delimiter=_");
  EXPECT_EQ(
      apply(kDelete),
      R"(it.shop.t {"id":1} {"before_id":1,"before_name":null,"after_id":null,"after_name":null,"source_ts_ms":17,"source_table":"t","op":"d"})");
  EXPECT_THAT(apply(kDelete, true), HasSubstr(R"({"type":"int32","optional":true,"field":"after_id"})"));
}

TEST_F(RecordTransformTest, times_are_converted) {
  const auto convert = [&](const std::string& value, const std::string& options) {
    transforms(
        "transforms=x,t\ntransforms.x.type=org.apache.kafka.connect.transforms.ExtractField$Value\n"
        "transforms.x.field=source\ntransforms.t.type=org.apache.kafka.connect.transforms.TimestampConverter$Value\n" +
        options);
    std::string text = kCreate;
    text.replace(text.find("\"ts_ms\":17"), 10, "\"ts_ms\":" + value);
    return apply(text, true);
  };
  const std::string field = "transforms.t.field=ts_ms\ntransforms.t.target.type=";
  EXPECT_THAT(convert("1588252618123", field + "string\ntransforms.t.format=yyyy-MM-dd'T'HH:mm:ss.SSSX"),
              testing::AllOf(HasSubstr(R"({"ts_ms":"2020-04-30T13:16:58.123Z","table":"t"})"),
                             HasSubstr(R"({"type":"string","optional":false,"field":"ts_ms"})")));
  EXPECT_THAT(convert("-1", field + "Date"),
              testing::AllOf(HasSubstr(R"("ts_ms":-1,)"),
                             HasSubstr(R"("name":"org.apache.kafka.connect.data.Date","version":1,"field":"ts_ms")")));
  EXPECT_THAT(convert("1588252618", field + "Timestamp\ntransforms.t.unix.precision=seconds"),
              HasSubstr(R"("ts_ms":1588252618000,)"));
  transforms(
      "transforms=t\ntransforms.t.type=org.apache.kafka.connect.transforms.TimestampConverter$Value\n"
      "transforms.t.target.type=unix\ntransforms.t.format=dd.MM.yyyy HH:mm Z");
  const auto text = [](const std::string& value) {
    return R"({"schema":{"type":"string","optional":true},"payload":)" + value + "}";
  };
  EXPECT_EQ(apply(text("\"30.04.2020 15:16 +0200\"")), R"(it.shop.t {"id":1} 1588252560000)");
  EXPECT_EQ(apply(text("null")), R"(it.shop.t {"id":1} null)");
  EXPECT_THAT(apply(text("\"30.04.\"")), HasSubstr("is no time of the form 'dd.MM.yyyy HH:mm Z'"));
  transforms(
      "transforms=t\ntransforms.t.type=org.apache.kafka.connect.transforms.TimestampConverter$Value\n"
      "transforms.t.target.type=string\ntransforms.t.format=EEE dd");
  EXPECT_THAT(problems_, HasSubstr("'EEE' in 'EEE dd' is not supported"));
}

TEST_F(RecordTransformTest, headers_go_into_values) {
  transforms(
      "transforms=i,h\ntransforms.i.type=org.apache.kafka.connect.transforms.InsertHeader\ntransforms.i.header=e\n"
      "transforms.i.value.literal=42\ntransforms.h.type=io.debezium.transforms.HeaderToValue\n"
      "transforms.h.headers=e,none\ntransforms.h.fields=source.e,n\ntransforms.h.operation=move");
  EXPECT_THAT(apply(kCreate), testing::EndsWith(R"("source":{"ts_ms":17,"table":"t","e":"42"},"op":"c"})"));
  EXPECT_THAT(apply(kCreate, true),
              HasSubstr(R"({"type":"string","optional":false,"field":"e"}],"optional":false,"name":"S")"));
}

TEST_F(RecordTransformTest, predicates_choose_the_records) {
  transforms(
      "transforms=f,d\ntransforms.f.type=org.apache.kafka.connect.transforms.Filter\ntransforms.f.predicate=gone\n"
      "transforms.d.type=org.apache.kafka.connect.transforms.Filter\ntransforms.d.predicate=ours\n"
      "transforms.d.negate=true\npredicates=gone,ours\n"
      "predicates.gone.type=org.apache.kafka.connect.transforms.predicates.RecordIsTombstone\n"
      "predicates.ours.type=org.apache.kafka.connect.transforms.predicates.TopicNameMatches\n"
      "predicates.ours.pattern=it\\..*");
  EXPECT_EQ(apply(""), "dropped");
  EXPECT_THAT(apply(kCreate), testing::StartsWith("it.shop.t "));
}

TEST_F(RecordTransformTest, rows_of_an_outbox_become_messages) {
  const std::string row =
      R"({"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},{"type":"string","optional":false,"field":"aggregatetype"},{"type":"string","optional":false,"field":"aggregateid"},{"type":"string","optional":true,"name":"io.debezium.data.Json","version":1,"field":"payload"},{"type":"int32","optional":false,"field":"p"}],"optional":true,"name":"o.Value","field":")";
  const auto event = [&](const char* op) {
    return fmt::format(
        R"({{"schema":{{"type":"struct","fields":[{0}before"}},{0}after"}},{{"type":"string","optional":false,"field":"op"}}],"optional":false,"name":"o.Envelope","version":2}},"payload":{{"before":null,"after":{{"id":"e1","aggregatetype":"order","aggregateid":"17","payload":"{{\"a\":1}}","p":0}},"op":"{1}"}}}})",
        row, op);
  };
  const std::string lines = "transforms=o\ntransforms.o.type=io.debezium.transforms.outbox.EventRouter\n";
  transforms(lines);
  EXPECT_EQ(apply(event("c")), R"(outbox.event.order "17" "{\"a\":1}" id:e1)");
  EXPECT_EQ(apply(event("r")), R"(outbox.event.order "17" "{\"a\":1}" id:e1)");
  EXPECT_EQ(apply(event("d")), "dropped");
  EXPECT_EQ(apply(event("u")), "dropped");
  EXPECT_EQ(apply(event("t")), "dropped");
  EXPECT_EQ(apply(""), "dropped");
  const std::string other = R"({"schema":{"type":"string","optional":false},"payload":"beat"})";
  EXPECT_EQ(apply(other), R"(it.shop.t {"id":1} "beat")");
  transforms(lines +
             "transforms.o.table.fields.additional.placement=aggregatetype:header:kind,p:envelope,p:partition\n"
             "transforms.o.route.topic.replacement=events.$1\ntransforms.o.table.op.invalid.behavior=error");
  EXPECT_EQ(apply(event("c")), R"(events.order "17" {"payload":"{\"a\":1}","p":0} id:e1 kind:order)");
  EXPECT_EQ(apply(event("u")), "dropped");
  transforms(lines + "transforms.o.table.op.invalid.behavior=fatal\ntransforms.o.route.topic.regex=no(?<routedByValue>ne)");
  EXPECT_THAT(apply(event("u")), HasSubstr("a row of the outbox table was updated"));
  EXPECT_THAT(apply(event("c")), testing::StartsWith("order "));
  transforms(
      "transforms=i,o\ntransforms.o.type=io.debezium.transforms.outbox.EventRouter\n"
      "transforms.i.type=org.apache.kafka.connect.transforms.InsertHeader\ntransforms.i.header=e\n"
      "transforms.i.value.literal=42");
  EXPECT_THAT(apply(event("c")), testing::EndsWith(" e:42 id:e1"));
}

TEST_F(RecordTransformTest, mistakes_name_the_option_and_its_line) {
  transforms(
      "transforms=a,b,c,d\ntransforms.a.type=org.apache.kafka.connect.transforms.RegexRoutr\n"
      "transforms.b.type=org.apache.kafka.connect.transforms.RegexRouter\ntransforms.b.regex=a(?!b)\n"
      "transforms.b.replacement=$1\ntransforms.c.type=io.debezium.transforms.ContentBasedRouter\n");
  EXPECT_THAT(
      problems_,
      HasSubstr("job:2: 'transforms.a.type': transform 'org.apache.kafka.connect.transforms.RegexRoutr' is not there\n"
                "  hint: Did you mean 'org.apache.kafka.connect.transforms.RegexRouter'?\n"));
  EXPECT_THAT(problems_, HasSubstr("job:4: transform 'b': 'regex': 'a(?!b)' is not a supported regular expression"));
  EXPECT_THAT(problems_,
              HasSubstr("transform 'io.debezium.transforms.ContentBasedRouter' is not there\n  hint: Possible are "));
  EXPECT_THAT(problems_, HasSubstr("job:1: 'transforms': transform 'd' has no 'transforms.d.type'"));
  transforms(
      "transforms=r\ntransforms.r.type=org.apache.kafka.connect.transforms.RegexRouter\ntransforms.r.regex=a\n"
      "transforms.r.replacement=$1\ntransforms.r.predicate=p");
  EXPECT_THAT(problems_, HasSubstr("'$1' names the group '1', which the pattern has not"));
  EXPECT_THAT(problems_, HasSubstr("predicate 'p' has no 'predicates.p.type'"));
}

TEST(JavaRegexTest, names_groups_and_escapes_as_java_does) {
  auto regex = JavaRegex::compile("(?<first>a+)\\$(b)").value();
  EXPECT_TRUE(regex.set_replacement("${first}-$2-\\$1\\\\").has_value());
  EXPECT_EQ(regex.replaced("aa$b").value_or("none"), "aa-b-$1\\");
  EXPECT_EQ(regex.replaced("xaa$b").value_or("none"), "none");
}

}  // namespace
}  // namespace sluice
