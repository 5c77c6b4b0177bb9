#include "api/http/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace statehouse {

Result<std::shared_ptr<Mailbox>> Mailbox::create() {
  FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return std::unexpected(errno_error("creating an event descriptor", errno));
  return std::shared_ptr<Mailbox>(new Mailbox(std::move(event)));
}

template <typename Change>
void Mailbox::change(Change&& change) {
  bool signal = false;
  {
    const std::scoped_lock lock(mutex_);
    std::forward<Change>(change)(mail_);
    signal = !std::exchange(signalled_, true);
  }
  // One system call per batch of mail, not per letter. Adding 1 to an event below 2^64-1 succeeds.
  if (signal) static_cast<void>(::eventfd_write(event_.get(), 1));
}

void Mailbox::post(std::unique_ptr<Exchange> exchange, Exchange::Outcome outcome) {
  change([&](Mail& mail) { mail.handed_back.push_back({std::move(exchange), outcome}); });
}

void Mailbox::post_wake(ConnectionId connection) {
  change([&](Mail& mail) { mail.woken.push_back(connection); });
}

void Mailbox::post_drain() {
  change([](Mail& mail) { mail.drain = true; });
}

void Mailbox::post_stop() {
  change([](Mail& mail) { mail.stop = true; });
}

Mail Mailbox::take() {
  const std::scoped_lock lock(mutex_);
  if (std::exchange(signalled_, false)) {
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(event_.get(), &count));
  }
  return std::exchange(mail_, {});
}

Wake make_wake(std::weak_ptr<Mailbox> mailbox, ConnectionId connection) {
  return [mailbox = std::move(mailbox), connection] {
    if (const auto alive = mailbox.lock()) alive->post_wake(connection);
  };
}

}  // namespace statehouse
