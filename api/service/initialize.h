#pragma once

#include <string>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/durable_step.h"
#include "crypto/base/entropy.h"
#include "crypto/base/file.h"
#include "policy/default_system.h"

namespace statehouse {

/// What a new store is made from.
struct InitializeOptions {
  Path data;           ///< must not exist, or be an empty directory
  std::string origin;  ///< a schema-less URL: "store.example.org/production"; never changes
  std::vector<FirstAdministrator> administrators;
  const Clock& clock;
  const Entropy& entropy;
  DurableSteps& steps;
};

/// What the user is told.
struct Initialized {
  Path root_key;   ///< to be moved away, offline
  Path trust;      ///< what consumers pin
  bool four_eyes;  ///< at least two administrators
};

/// Makes a store: keys, trust document, ledger, and the repository `system` with its first version
/// on both branches, sealed by the store. Built beside its place and renamed, so that a failure
/// leaves nothing. Errors: kInvalidArgument (origin, keys), kConflict (there is something in
/// `data`), kUnavailable.
Result<Initialized> initialize_store(const InitializeOptions& options);

/// Whether `origin` can be one: host with optional port, then optional path; lower case; no scheme.
Result<> require_origin(std::string_view origin);

}  // namespace statehouse
