// SPDX-License-Identifier: Apache-2.0
#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace sluice {
namespace {

// Aliases copy what they refer to; the limit keeps a few lines from becoming gigabytes.
constexpr size_t kMostNodes = 200000;

// yaml-cpp's marks count from 0, and are -1 where there is none.
int one_based(int number) { return number < 0 ? 0 : number + 1; }

size_t count_nodes(const YamlNode& node) {
  size_t count = 1;
  for (const YamlNode& item : node.items) count += count_nodes(item);
  for (const YamlEntry& entry : node.entries) count += count_nodes(entry.value);
  return count;
}

// Raised in the event handler, below yaml-cpp, and caught in parse_yaml.
struct Refused {
  YAML::Mark mark;
  std::string message;
  std::string suggestion;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file_name, Problems& problems) : file_name_(file_name), problems_(problems) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    begin(YamlNode::Kind::kNull, mark, anchor, {});
    end();
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    begin(YamlNode::Kind::kScalar, mark, anchor, value);
    end();
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{mark, "an alias refers to a node that is not complete", {}};
    count_ += count_nodes(found->second);
    check_size(mark);
    open_.push_back({found->second, 0, false, {}, 0});
    end();
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::kList, mark, anchor, {});
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(YamlNode::Kind::kMap, mark, anchor, {});
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;  // maps: the key of the next entry has been read
    std::string key;
    int key_line = 0;
  };

  void check_size(const YAML::Mark& mark) const {
    if (count_ > kMostNodes) throw Refused{mark, fmt::format("the document has more than {} nodes", kMostNodes), {}};
  }

  void begin(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& text) {
    ++count_;
    check_size(mark);
    Open open;
    open.node.kind = kind;
    open.node.text = text;
    open.node.line = one_based(mark.line);
    open.node.column = one_based(mark.column);
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchors_[done.anchor] = done.node;
    if (open_.empty()) {
      root_ = std::move(done.node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(done.node));
    } else if (!parent.has_key) {
      take_key(parent, done.node);
    } else {
      parent.has_key = false;
      if (parent.node.find(parent.key) == nullptr) {
        parent.node.entries.push_back({std::move(parent.key), std::move(done.node), parent.key_line});
      }
    }
  }

  void take_key(Open& parent, YamlNode& key) {
    if (key.kind != YamlNode::Kind::kScalar) {
      const YAML::Mark mark = [&] {
        YAML::Mark made;
        made.line = key.line - 1;
        made.column = key.column - 1;
        return made;
      }();
      throw Refused{mark, fmt::format("a key must be a plain word, not {}", yaml_kind_name(key.kind)), {}};
    }
    for (const YamlEntry& entry : parent.node.entries) {
      if (entry.key != key.text) continue;
      problems_.error({file_name_, key.line, key.column}, key.text,
                      fmt::format("key '{}' is given twice, first in line {}", key.text, entry.line),
                      "Keep one of the two.");
    }
    parent.has_key = true;
    parent.key = std::move(key.text);
    parent.key_line = key.line;
  }

  const std::string& file_name_;
  Problems& problems_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  size_t count_ = 0;
  YamlNode root_;
};

bool line_begins_with_tab(std::string_view text, int line) {
  for (; line > 0 && !text.empty(); --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  const size_t first = text.find_first_not_of(' ');
  return line == 0 && first != std::string_view::npos && text[first] == '\t';
}

// What usually helps, by yaml-cpp's words for the mistake.
std::string_view advice_for(std::string_view message, bool tab) {
  if (tab) return "Indent with spaces, not with tabs.";
  if (message.find("alias") != std::string_view::npos || message.find("anchor") != std::string_view::npos) {
    return "A value that begins with '*' or '&' needs quotes, or write \\* for it.";
  }
  if (message.find("map") != std::string_view::npos) {
    return "Check the indentation and that each key is followed by ': '; quote values that contain ': ' or ' #'.";
  }
  return "Check quotes and brackets; a value that begins with one of { } [ ] , & * # | > @ ` needs quotes.";
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string_view yaml_kind_name(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull: return "nothing";
    case YamlNode::Kind::kScalar: return "a value";
    case YamlNode::Kind::kMap: return "a map";
    case YamlNode::Kind::kList: return "a list";
  }
  return "?";
}

std::optional<YamlNode> parse_yaml(const std::string& file_name, std::string_view text, Problems& problems) {
  const auto refuse = [&](const YAML::Mark& mark, const std::string& message, std::string suggestion) {
    problems.error({file_name, one_based(mark.line), one_based(mark.column)}, "", message, std::move(suggestion));
    return std::nullopt;
  };
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(file_name, problems);
    if (!parser.HandleNextDocument(builder)) return YamlNode{};
    TreeBuilder second(file_name, problems);
    if (parser.HandleNextDocument(second)) {
      const YamlNode extra = second.take();
      problems.error({file_name, extra.line, 0}, "", "there is a second document", "Keep one job per file.");
      return std::nullopt;
    }
    return builder.take();
  } catch (const Refused& refused) {
    return refuse(refused.mark, refused.message, refused.suggestion);
  } catch (const YAML::Exception& exception) {
    return refuse(exception.mark, fmt::format("this is not valid {}: {}", file_name.ends_with(".json") ? "JSON" : "YAML", exception.msg),
                  std::string(advice_for(exception.msg, line_begins_with_tab(text, exception.mark.line))));
  } catch (const std::exception& exception) {
    return refuse(YAML::Mark::null_mark(), fmt::format("the file cannot be parsed: {}", exception.what()), {});
  }
}

}  // namespace sluice
