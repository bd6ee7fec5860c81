#pragma once

#include <string>

namespace fovea {

// Asks libtorch for the processor's best vector kernels, where the environment does not. Before the first operator runs.
void chooseCapability();
// Who chose: "environment" (the variable ATEN_CPU_CAPABILITY), "fovea" or "libtorch".
const std::string& capabilityChoice();

}  // namespace fovea
