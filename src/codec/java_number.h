// SPDX-License-Identifier: Apache-2.0
// Floating-point numbers as Java prints them: the shortest digits that read back, plain from 0.001 up to 10,000,000
// ("5.0"), else with one digit before the point and an exponent ("1.0E10"); "NaN", "Infinity", "-Infinity".
#pragma once

#include <string>

namespace sluice {

void append_java_number(double value, std::string& out);
void append_java_number(float value, std::string& out);

}  // namespace sluice
