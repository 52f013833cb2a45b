// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target where there is no libFuzzer: every file of the corpus, then mutations of them. Each input depends
// only on the corpus, the seed and its number, so a failure can be run again; the failing input is also written to a
// file.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) __attribute__((weak));
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using Random = std::mt19937_64;

constexpr size_t kMaxInput = 1 << 16;

struct Arguments {
  std::string corpus;
  uint64_t inputs = 20000;
  int64_t seconds = 5;
  uint64_t seed = 1;
  uint64_t only = 0;  // run this input alone; 0: all
};

std::string current;
uint64_t current_number = 0;
uint64_t current_seed = 0;

void keep_input() {
  FILE* file = fopen("crash-input", "wb");
  if (file != nullptr) {
    fwrite(current.data(), 1, current.size(), file);
    fclose(file);
  }
  fprintf(stderr,
          "fuzz: input %llu of seed %llu (%zu bytes) is in ./crash-input; run it again with --seed %llu --only %llu\n",
          static_cast<unsigned long long>(current_number), static_cast<unsigned long long>(current_seed),
          current.size(), static_cast<unsigned long long>(current_seed),
          static_cast<unsigned long long>(current_number));
}

void on_signal(int number) {
  keep_input();
  signal(number, SIG_DFL);
  raise(number);
}

size_t below(Random& random, size_t limit) { return limit == 0 ? 0 : random() % limit; }

// Values at which lengths and counts go wrong.
void put_edge_number(Random& random, std::string& input) {
  static constexpr uint64_t kEdges[] = {0,      1,        0x7f,       0x80,       0xfa,       0xfb,
                                        0xfc,   0xfd,     0xfe,       0xff,       0x7fff,     0x8000,
                                        0xffff, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
                                        ~0ULL};
  const uint64_t edge = kEdges[below(random, std::size(kEdges))];
  const size_t width = size_t{1} << below(random, 4);
  if (input.size() >= width) std::memcpy(input.data() + below(random, input.size() - width + 1), &edge, width);
}

void mutate_once(Random& random, std::string& input, const std::vector<std::string>& corpus) {
  const size_t at = below(random, input.size());
  const size_t length = 1 + below(random, std::min<size_t>(input.size() - at, 32));
  switch (below(random, 8)) {
    case 0:
      if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << below(random, 8)));
      break;
    case 1:
      if (!input.empty()) input[at] = static_cast<char>(random());
      break;
    case 2: put_edge_number(random, input); break;
    case 3: input.insert(at, 1 + below(random, 8), static_cast<char>(random())); break;
    case 4:
      if (!input.empty()) input.erase(at, length);
      break;
    case 5:
      if (!input.empty()) input.insert(below(random, input.size()), input.substr(at, length));
      break;
    case 6: input.resize(at); break;
    default: {
      const std::string& other = corpus[below(random, corpus.size())];
      const size_t from = below(random, other.size());
      input.replace(at, length, other, from, 1 + below(random, 64));
    }
  }
  if (input.size() > kMaxInput) input.resize(kMaxInput);
}

std::string make_input(uint64_t seed, uint64_t number, const std::vector<std::string>& corpus) {
  if (number <= corpus.size()) return corpus[number - 1];
  Random random(seed * 1'000'003 + number);
  std::string input = corpus[below(random, corpus.size())];
  for (size_t left = 1 + below(random, 6); left > 0; left--) mutate_once(random, input, corpus);
  return input;
}

std::vector<std::string> read_corpus(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const std::string& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  inputs.emplace_back();
  return inputs;
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i++) {
    const std::string word = argv[i];
    const uint64_t value = i + 1 < argc ? std::strtoull(argv[i + 1], nullptr, 10) : 0;
    if (word == "--inputs")
      arguments.inputs = value, i++;
    else if (word == "--seconds")
      arguments.seconds = static_cast<int64_t>(value), i++;
    else if (word == "--seed")
      arguments.seed = value, i++;
    else if (word == "--only")
      arguments.only = value, i++;
    else
      arguments.corpus = word;
  }
  if (arguments.seed == 0) arguments.seed = std::random_device{}();
  return arguments;
}

void run(const Arguments& arguments, const std::vector<std::string>& corpus, uint64_t number) {
  current_number = number;
  current = make_input(arguments.seed, number, corpus);
  // A copy of exactly this size, so that the sanitizer sees a read past its end.
  const std::vector<uint8_t> exact(current.begin(), current.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  const Arguments arguments = parse(argc, argv);
  current_seed = arguments.seed;
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_input);
  signal(SIGABRT, on_signal);
  const std::vector<std::string> corpus = read_corpus(arguments.corpus);
  if (arguments.only != 0) {
    run(arguments, corpus, arguments.only);
    return 0;
  }
  const auto end = sluice::monotonic_now() + std::chrono::seconds(arguments.seconds);
  uint64_t number = 1;
  while (number <= corpus.size() || (number <= arguments.inputs && sluice::monotonic_now() < end)) {
    run(arguments, corpus, number++);
  }
  fmt::print("fuzz: {} inputs, {} of them from the corpus, seed {}\n", number - 1, corpus.size(), arguments.seed);
  return 0;
}
