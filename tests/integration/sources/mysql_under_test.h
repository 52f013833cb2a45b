// SPDX-License-Identifier: Apache-2.0
// The MySQL source on both of its servers, for the conformance suite.
#pragma once

#include "integration/sources/source_under_test.h"

namespace sluice::support {

std::unique_ptr<SourceUnderTest> mysql_source_on_mariadb();
std::unique_ptr<SourceUnderTest> mysql_source_on_mysql();

}  // namespace sluice::support
