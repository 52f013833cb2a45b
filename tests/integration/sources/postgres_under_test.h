// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL source, for the conformance suite.
#pragma once

#include "integration/sources/source_under_test.h"

namespace sluice::support {

std::unique_ptr<SourceUnderTest> postgres_source();

}  // namespace sluice::support
