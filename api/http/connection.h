#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "api/http/exchange.h"
#include "api/http/request_assembler.h"
#include "api/http/transport.h"

namespace statehouse {

/// One client connection as the I/O thread sees it. Only the I/O thread touches it; while it is
/// kBusy its transport belongs to the worker that holds its exchange.
///
/// The socket is registered edge-triggered once and for all, so events only set flags and no
/// system call is needed to park or to hand over:
///
///   kHandshake -> kIdle -> kReading -> kBusy -> kIdle …
///                                      kBusy <-> kWriting, kBusy <-> kParked
///                          kReading -> kLingering,  kBusy -> kLingering
struct Connection {
  enum class State {
    kHandshake,  ///< TLS
    kIdle,       ///< between requests
    kReading,    ///< a request has begun to arrive
    kBusy,       ///< a worker has it
    kWriting,    ///< the rest of a response waits for the client
    kParked,     ///< a long poll waits for its wake
    kLingering,  ///< answered and shut down; waits for the client to read and close
  };

  ConnectionId id = 0;
  std::unique_ptr<Transport> transport;
  Peer peer;

  State state = State::kIdle;
  bool readable = false;     ///< an edge says so, and no read has blocked since
  bool writable = false;     ///< an edge since the last hand-over for writing
  bool peer_closed = false;  ///< the client shut its side down, or the connection broke
  bool woken = false;        ///< a wake came for the current request
  SteadyTime deadline = SteadyTime::max();
  SteadyTime since;  ///< start of the body or of the response's writing
  bool in_body = false;

  std::unique_ptr<RequestAssembler> assembler;  ///< while kReading
  std::string input;                            ///< received, belongs to the next request
  std::shared_ptr<ClientPresence> presence;     ///< of the request in work
  std::unique_ptr<Exchange> exchange;           ///< while kWriting or kParked
  std::uint64_t bytes_counted = 0;              ///< of the exchange, already in the metrics

  /// Its place in one of the loop's lists, oldest first.
  std::list<Connection*>* list = nullptr;
  std::list<Connection*>::iterator place;

  /// Moves to the end of `to`, or out of all lists.
  void enter(std::list<Connection*>* to) {
    if (list != nullptr) list->erase(place);
    list = to;
    if (to != nullptr) place = to->insert(to->end(), this);
  }
};

}  // namespace statehouse
