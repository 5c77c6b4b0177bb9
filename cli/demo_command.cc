#include <filesystem>
#include <memory>
#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/demo_stage.h"
#include "cli/running_server.h"
#include "cli/session.h"
#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

constexpr const char* kOrigin = "demo.statehouse.example/store";

/// The story, chapter by chapter. Each is a method; what they share are the people and the server.
class Demo {
 public:
  Demo(Environment& environment, DemoStage& stage, Path data)
      : environment_(environment), stage_(stage), data_(std::move(data)) {}

  Result<> tell() {
    TRY(make_store());
    TRY(open_doors());
    TRY(declare_platform());
    TRY(push_to_audit());
    TRY(promote());
    TRY(reconcile());
    TRY(change_something());
    TRY(ask_the_log());
    TRY(tamper());
    running_->drain();
    return {};
  }

 private:
  Result<> make_store() {
    stage_.chapter("A store with two administrators");
    alice_ = TRY(stage_.introduce("alice"));
    bob_ = TRY(stage_.introduce("bob"));
    robot_ = TRY(stage_.introduce("reconciler"));
    TRY(stage_.on_host({"init", "--data", data_.string(), "--name", kOrigin, "--admin",
                        "alice=" + alice_.key().string() + ".pub", "--email",
                        "alice=alice@example.org", "--admin", "bob=" + bob_.key().string() + ".pub",
                        "--email", "bob=bob@example.org"}));
    ServerConfig config;
    config.listen = "127.0.0.1:0";
    running_ = TRY(RunningServer::start(environment_, data_, config, nullptr));
    stage_.set_server(running_->url());
    stage_.say("A server runs on it now: " + running_->url());
    return {};
  }

  Result<> give_token(DemoPerson& person, const std::string& scope) {
    const std::string text =
        TRY(stage_.on_host({"token", "create", "--data", data_.string(), "--identity", person.name,
                            "--scope", scope, "-o", "json"},
                           0, DemoStage::Show::kNothing));
    const Json token = TRY(parse_json(text));
    person.token = TRY(json_string(token, "token"));
    return stage_.sign_in(person);
  }

  Result<> open_doors() {
    stage_.chapter("Tokens for alice and bob");
    TRY(give_token(alice_, "write"));
    TRY(give_token(bob_, "write"));
    TRY(stage_.statehouse(alice_, {"repository", "list"}));
    return {};
  }

  Result<> declare_platform() {
    stage_.chapter("Identities, groups, a repository, policies and a flow, declared in `system`");
    const Path clone = alice_.home / "system";
    TRY(stage_.git(alice_, alice_.home, {"clone", "-q", stage_.server() + "/git/system.git"}));
    TRY(stage_.write_files(clone, demo_system_files()));
    TRY(stage_.statehouse(alice_, {"policy", "check", clone.string()}));
    TRY(stage_.git(alice_, clone, {"add", "."}));
    TRY(stage_.git(alice_, clone, {"commit", "-q", "-m", "Declare the platform"}));
    TRY(stage_.git(alice_, clone, {"push", "origin", "audit"}));
    TRY(stage_.statehouse(
        alice_, {"promotion", "create", "--flow", "system", "--title", "Declare the platform"}));
    stage_.say("Alice wrote it, so her own approval does not count:");
    TRY(stage_.statehouse(alice_, {"promotion", "approve", "1", "--yes"}, 5));
    stage_.say("Bob looks at it and signs:");
    TRY(stage_.statehouse(bob_, {"promotion", "approve", "1", "--yes"}));
    TRY(stage_.statehouse(bob_, {"promotion", "merge", "1"}));
    return {};
  }

  Result<> push_to_audit() {
    stage_.chapter("A change of the desired state: unsigned is refused, signed is accepted");
    const Path clone = alice_.home / "platform";
    TRY(stage_.git(alice_, alice_.home, {"clone", "-q", stage_.server() + "/git/platform.git"}));
    TRY(stage_.write_files(clone, demo_platform_files()));
    TRY(stage_.git(alice_, clone, {"add", "."}));
    TRY(stage_.git(alice_, clone, {"commit", "-q", "--no-gpg-sign", "-m", "Run the shop"}));
    TRY(stage_.git(alice_, clone, {"push", "origin", "HEAD:refs/heads/audit"}, 1));
    TRY(stage_.git(alice_, clone, {"commit", "-q", "--amend", "--no-edit", "-S"}));
    TRY(stage_.git(alice_, clone, {"push", "origin", "HEAD:refs/heads/audit"}));
    return {};
  }

  Result<> promote() {
    stage_.chapter("From the audit branch to the deploy branch, with four eyes");
    TRY(stage_.statehouse(alice_, {"promotion", "create", "--flow", "deploy", "--title",
                                   "Run the shop in production"}));
    TRY(stage_.statehouse(alice_, {"promotion", "approve", "2", "--yes"}, 5));
    TRY(stage_.statehouse(bob_, {"promotion", "show", "2"}));
    TRY(stage_.statehouse(bob_, {"promotion", "approve", "2", "--yes"}));
    TRY(stage_.statehouse(alice_, {"promotion", "merge", "2"}));
    stage_.say(
        "The deploy branch is sealed: one commit, signed by the store, with exactly the approved "
        "tree.");
    TRY(stage_.git(bob_, bob_.home,
                   {"clone", "-q", "-b", "deploy", stage_.server() + "/git/platform.git"}));
    TRY(stage_.git(bob_, bob_.home / "platform", {"log", "--graph", "--oneline"}));
    return {};
  }

  Result<> sync_once() {
    return discard(stage_.statehouse(
        robot_, {"sync", "-R", "platform", "--ref", "deploy", "--trust",
                 (robot_.home / "trust.json").string(), "--into", tree().string(), "--once"}));
  }

  Result<> reconcile() {
    stage_.chapter("A reconciler fetches the snapshot, verifies it, and swaps it in");
    TRY(give_token(robot_, "read"));
    const std::string trust = TRY(read_file(data_ / "trust.json", 1U << 20));
    UnwatchedSteps steps;
    TRY(write_file_durably(robot_.home / "trust.json", trust, 0644, steps, "demo"));
    TRY(sync_once());
    TRY(stage_.show_files(tree()));
    return {};
  }

  Result<> change_something() {
    stage_.chapter("The next version");
    const Path clone = alice_.home / "platform";
    TRY(stage_.write_files(clone,
                           {{"apps/shop/overlays/production/replicas.yaml",
                             "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n"
                             "spec:\n  replicas: 5\n"}}));
    TRY(stage_.git(alice_, clone, {"commit", "-q", "-a", "-m", "Five replicas"}));
    TRY(stage_.git(alice_, clone, {"push", "-q", "origin", "HEAD:refs/heads/audit"}));
    TRY(stage_.statehouse(
        alice_,
        {"promotion", "create", "--flow", "deploy", "--title", "Five replicas for the sale"}, 0,
        DemoStage::Show::kNothing));
    TRY(stage_.statehouse(bob_, {"promotion", "diff", "3"}));
    TRY(stage_.statehouse(bob_, {"promotion", "approve", "3", "--yes"}, 0,
                          DemoStage::Show::kNothing));
    TRY(stage_.statehouse(bob_, {"promotion", "merge", "3"}, 0, DemoStage::Show::kNothing));
    TRY(sync_once());
    TRY(stage_.statehouse(bob_, {"history", "-R", "platform", "--ref", "deploy"}));
    return {};
  }

  Result<> ask_the_log() {
    stage_.chapter("The log: searched, proved, verified");
    const std::string trust = (data_ / "trust.json").string();
    TRY(stage_.statehouse(bob_, {"audit", "search", "--outcome", "denied"}));
    const std::string found = TRY(stage_.statehouse(
        bob_, {"audit", "search", "--type", "ref.updated", "--limit", "1", "-o", "name"}, 0,
        DemoStage::Show::kNothing));
    const std::string index = found.substr(0, found.find('\n'));
    stage_.say("Proof that entry " + index + ", the newest move of a ref, is in the log:");
    TRY(stage_.statehouse(bob_, {"audit", "prove", index, "--trust", trust}));
    stage_.say("Every entry hashed again, up to the signed checkpoint:");
    TRY(stage_.statehouse(bob_, {"audit", "verify", "--trust", trust}));
    return {};
  }

  Result<> tamper() {
    stage_.chapter("Somebody with access to the disk moves the deploy branch back");
    const Path file = data_ / "repositories/platform.git/refs/heads/deploy";
    const std::string before = TRY(read_file(file, 100));
    const std::string old = TRY(stage_.git(bob_, bob_.home / "platform", {"rev-parse", "HEAD"}, 0,
                                           DemoStage::Show::kNothing));
    UnwatchedSteps steps;
    TRY(write_file_durably(file, old, 0600, steps, "demo"));
    stage_.say("The file says " + old.substr(0, 12) + " now. What is served:");
    const std::string served =
        TRY(stage_.git(bob_, bob_.home,
                       {"ls-remote", stage_.server() + "/git/platform.git", "refs/heads/deploy"}));
    if (!served.starts_with(before.substr(0, 40))) {
      return internal_error("telling the demo: the tampered ref was served");
    }
    stage_.say("The ledger decides, not the file. And it is found:");
    TRY(stage_.on_host({"fsck", "--data", data_.string()}, 70));
    TRY(stage_.on_host({"fsck", "--data", data_.string(), "--repair-refs"}));
    return {};
  }

  [[nodiscard]] Path tree() const { return robot_.home / "tree"; }

  static Result<> discard(Result<std::string> result) {
    if (!result) return std::unexpected(std::move(result).error());
    return {};
  }

  Environment& environment_;
  DemoStage& stage_;
  Path data_;
  DemoPerson alice_;
  DemoPerson bob_;
  DemoPerson robot_;
  std::unique_ptr<RunningServer> running_;
};

struct DemoOptions {
  bool keep = false;
};

/// Keys that stay on a disk are worth a word.
std::string kept_note(const Path& folder, std::string_view what) {
  return " Kept, for this user alone: " + std::string(what) + " private keys, in\n  " +
         folder.string() + "\nRemove it when you are done:  rm -rf " + folder.string();
}

Result<> run_demo(Session& session, const DemoOptions& options) {
  Environment& environment = session.environment();
  std::error_code error;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return internal_error("finding this program's own file: " + error.message());
  TemporaryDirectory scratch = TRY(TemporaryDirectory::create("/tmp", "statehouse-demo-"));
  const bool named = session.options().data.has_value();
  const Path data = named ? session.path(*session.options().data) : scratch.path() / "store";
  if (std::filesystem::exists(std::filesystem::symlink_status(data, error))) {
    return conflict(
        "making a store in " + escape_for_message(data.string()) + ": there is something already",
        "give --data a directory that does not exist");
  }
  DemoStage stage(environment, program, scratch.path());
  Demo demo(environment, stage, data);
  TRY(demo.tell());
  environment.out << "\nThat is the whole story.";
  if (options.keep && !named) {
    const Path kept = Path("/tmp") / ("statehouse-" + scratch.path().filename().string());
    std::filesystem::rename(scratch.path(), kept, error);
    if (error) return internal_error("keeping the demo: " + error.message());
    environment.out << kept_note(kept, "the people's homes and the store, with all their");
  }
  if (options.keep && named) environment.out << kept_note(data, "the store, with its");
  if (!options.keep && named) TRY(remove_tree(data));
  environment.out << "\n";
  return {};
}

}  // namespace

void add_demo_command(CommandSet& commands) {
  auto options = std::make_shared<DemoOptions>();
  commands.add("demo", "Tell the whole story on this machine, with throw-away keys")
      .flag("--keep", options->keep, "Keep the store (in --data DIR) when it is over")
      .notes(
          "Makes a store, runs a server on a free port, and plays two people and a reconciler with "
          "real git and ssh-keygen. The people's keys and clones go in the end, and so does the "
          "store unless --keep is given; without --data that keeps everything, in a folder below "
          "/tmp that is named in the end.")
      .action("telling the demo",
              [options](Session& session) { return run_demo(session, *options); });
}

}  // namespace statehouse
