#include <exception>
#include <iostream>

#include "cli/process.h"

int main(int argc, char** argv) {
  constexpr int kExitInternal = 70;
  try {
    const statehouse::SystemClock clock;
    statehouse::UnwatchedSteps steps;
    return statehouse::run_process(argc, argv, clock, steps);
  } catch (const std::exception& failure) {
    std::cerr << "statehouse: running: " << failure.what() << "\n";
    return kExitInternal;
  }
}
