// SPDX-License-Identifier: Apache-2.0
#include "config/setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace sluice {
namespace {

std::string located(const Problem& problem) {
  std::string text = problem.location.file;
  if (problem.location.line > 0) text += fmt::format("{}{}", text.empty() ? "line " : ":", problem.location.line);
  if (problem.location.line > 0 && problem.location.column > 0) text += fmt::format(":{}", problem.location.column);
  if (!text.empty()) text += ": ";
  if (problem.warning) text += "warning: ";
  // The key is named once: most messages already quote it.
  if (!problem.key.empty() && problem.message.find('\'' + problem.key + '\'') == std::string::npos) {
    text += '\'' + problem.key + "': ";
  }
  return text + problem.message;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Number of insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_previous(b.size() + 1);
  std::vector<size_t> previous(b.size() + 1);
  std::vector<size_t> current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) current[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before_previous.swap(previous);
    previous.swap(current);
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        current[j] = std::min(current[j], before_previous[j - 2] + 1);
      }
    }
  }
  return current[b.size()];
}

}  // namespace

void Problems::error(Location location, std::string key, std::string message, std::string suggestion) {
  problems_.push_back({std::move(location), std::move(key), std::move(message), std::move(suggestion), false});
}

void Problems::warn(Location location, std::string key, std::string message, std::string suggestion) {
  problems_.push_back({std::move(location), std::move(key), std::move(message), std::move(suggestion), true});
}

void Problems::append(Problems&& others) {
  for (Problem& problem : others.problems_) problems_.push_back(std::move(problem));
  others.problems_.clear();
}

bool Problems::has_errors() const {
  return std::any_of(problems_.begin(), problems_.end(), [](const Problem& problem) { return !problem.warning; });
}

std::string Problems::text() const {
  std::vector<const Problem*> ordered;
  for (const Problem& problem : problems_) ordered.push_back(&problem);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Problem* a, const Problem* b) {
    return std::tie(a->location.file, a->location.line) < std::tie(b->location.file, b->location.line);
  });
  std::string text;
  for (const Problem* problem : ordered) {
    text += located(*problem) + '\n';
    if (!problem->suggestion.empty()) text += "  hint: " + problem->suggestion + '\n';
  }
  return text;
}

Error Problems::as_error() const {
  Problems errors;
  for (const Problem& problem : problems_) {
    if (!problem.warning) errors.problems_.push_back(problem);
  }
  if (errors.problems_.size() == 1) {
    return Error(ErrorCode::kConfig, located(errors.problems_[0]), errors.problems_[0].suggestion);
  }
  std::string text = errors.text();
  if (!text.empty()) text.pop_back();
  return Error(ErrorCode::kConfig, fmt::format("{} mistakes\n{}", errors.problems_.size(), text));
}

std::string_view closest_name(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr size_t kLongestWord = 100;  // longer ones are no typing mistake of a name
  if (word.empty() || word.size() > kLongestWord) return {};
  std::string_view best;
  size_t best_distance = std::min<size_t>(3, std::max<size_t>(1, word.size() / 3)) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    // A word that has nothing in common with a short candidate is not a misspelling of it.
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace sluice
