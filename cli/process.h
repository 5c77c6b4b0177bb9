#pragma once

#include "crypto/base/clock.h"
#include "crypto/base/durable_step.h"

namespace statehouse {

/// Runs the command line of this process against its own streams, environment and working
/// directory, and returns the exit code.
///
/// What time it is and who watches the durable steps is the caller's choice: the product's `main`
/// passes the machine's clock and nobody, the torture tests something that lies and breaks.
/// Foreign exceptions pass through. Threads: call once, from main.
int run_process(int argc, char** argv, const Clock& clock, DurableSteps& steps);

}  // namespace statehouse
