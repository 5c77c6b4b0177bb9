#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "api/http/exchange.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// What other threads tell the I/O thread.
struct Mail {
  struct HandedBack {
    std::unique_ptr<Exchange> exchange;
    Exchange::Outcome outcome;
  };
  std::vector<HandedBack> handed_back;
  std::vector<ConnectionId> woken;
  bool drain = false;
  bool stop = false;
};

/// The I/O thread's letter box. Its descriptor is readable while there is mail.
/// Threads: posting from any; `take` by the I/O thread.
class Mailbox {
 public:
  /// Errors: kUnavailable (no descriptor left).
  static Result<std::shared_ptr<Mailbox>> create();

  void post(std::unique_ptr<Exchange> exchange, Exchange::Outcome outcome);
  void post_wake(ConnectionId connection);
  void post_drain();
  void post_stop();

  /// Everything since the last call.
  Mail take();

  [[nodiscard]] int descriptor() const { return event_.get(); }

 private:
  explicit Mailbox(FileDescriptor event) : event_(std::move(event)) {}

  template <typename Change>
  void change(Change&& change);

  const FileDescriptor event_;
  std::mutex mutex_;
  Mail mail_;               // guarded by mutex_
  bool signalled_ = false;  // guarded by mutex_: the descriptor is readable already
};

/// A function that ends the parking of `connection`'s current request; does nothing once the
/// mailbox is gone. A wake for an earlier request of the connection at most ends a later wait
/// early, which `Parking::resume` must bear anyway.
Wake make_wake(std::weak_ptr<Mailbox> mailbox, ConnectionId connection);

}  // namespace statehouse
