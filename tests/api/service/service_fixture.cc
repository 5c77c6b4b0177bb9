#include "tests/api/service/service_fixture.h"

#include <algorithm>
#include <filesystem>

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"
#include "crypto/base/subprocess.h"
#include "crypto/dsse.h"
#include "crypto/sha256.h"
#include "crypto/ssh_key.h"
#include "store/git/ref_files.h"
#include "store/git/tree_walk.h"
#include "tests/api/service/organisation.h"

namespace statehouse::test {

namespace {

constexpr std::string_view kOrigin = "store.example.org/production";

Path template_data(const Path& directory) { return directory / "data"; }

StateStoreOptions options_for(ServiceFixture& fixture) {
  return StateStoreOptions{.git = fixture.git,
                           .clock = fixture.clock,
                           .entropy = fixture.entropy,
                           .steps = fixture.steps,
                           .log = nullptr};
}

FirstAdministrator administrator(std::string_view name) {
  return {name_of_resource(name), public_key_line(name), {std::string(name) + "@example.org"}};
}

void make_store(const Path& data) {
  const HeldClock clock;
  const SystemEntropy entropy;
  UnwatchedSteps steps;
  must(initialize_store({.data = data,
                         .origin = std::string(kOrigin),
                         .administrators = {administrator("alice"), administrator("bob")},
                         .clock = clock,
                         .entropy = entropy,
                         .steps = steps}));
}

void copy_store(const Path& from, const Path& to) {
  std::error_code error;
  std::filesystem::copy(
      from, to,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks,
      error);
  if (error) FAIL("copying the store: ", error.message());
}

TemporaryDirectory scratch() { return must(TemporaryDirectory::create("/tmp", "sths-")); }

/// A store with the organisation declared, made once: keys and promotions take their time.
const Path& declared_store() {
  static const TemporaryDirectory place = scratch();
  static const Path data = [] {
    make_store(template_data(place.path()));
    return template_data(place.path());
  }();
  return data;
}

}  // namespace

RefKey key_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  return {must(RepositoryName::parse(text.substr(0, colon))),
          must(RefName::parse(text.substr(colon + 1)))};
}

ResourceName name_of_resource(std::string_view text) { return must(ResourceName::parse(text)); }

void OneBadStep::break_before(std::string_view step) {
  const std::lock_guard lock(mutex_);
  bad_before_ = step;
}

void OneBadStep::break_after(std::string_view step) {
  const std::lock_guard lock(mutex_);
  bad_after_ = step;
}

void OneBadStep::heal() {
  const std::lock_guard lock(mutex_);
  bad_before_.clear();
  bad_after_.clear();
}

void OneBadStep::meanwhile(std::string step, std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  interrupted_ = std::move(step);
  action_ = std::move(action);
}

Result<> OneBadStep::before(std::string_view step) {
  std::unique_lock lock(mutex_);
  if (step == bad_before_) {
    return std::unexpected(errno_error("torture before " + bad_before_, ENOSPC));
  }
  if (!action_ || step != interrupted_) return {};
  const std::function<void()> action = std::exchange(action_, nullptr);
  lock.unlock();
  action();
  return {};
}

Result<> OneBadStep::after(std::string_view step) {
  const std::lock_guard lock(mutex_);
  if (step != bad_after_) return {};
  return std::unexpected(errno_error("torture after " + bad_after_, EIO));
}

Ed25519SecretKey key_named(std::string_view name) {
  return must(Ed25519SecretKey::from_seed(sha256("key of " + std::string(name))));
}

std::string public_key_line(std::string_view name) {
  return SshPublicKey::from_ed25519(key_named(name).public_key()).line();
}

Workshop::Workshop() : directory_(scratch()), path_(directory_.path() / "work.git") {
  must(create_scratch_repository(path_));
}

Oid Workshop::write(ObjectType type, std::string bytes) {
  const std::vector<GitObject> objects{{type, std::move(bytes)}};
  return must(write_objects_durably(path_, objects, steps_)).front();
}

std::string Workshop::raw_commit(const CommitPlan& plan) {
  std::vector<TreeFile> files;
  for (const auto& [path, bytes] : plan.files) files.push_back({path, FileMode::kFile, bytes});
  const BuiltTree tree = must(build_tree(files));
  must(write_objects_durably(path_, tree.objects, steps_));
  const std::string committer = plan.committer.value_or(plan.author);
  const std::int64_t time = 1'772'000'000 + clock_++;
  CommitParts parts{plan.tree.value_or(tree.root).hex(),
                    {},
                    {plan.author, plan.author + "@example.org", time, "+0000"},
                    {committer, committer + "@example.org", time, "+0000"},
                    plan.message};
  for (const Oid& parent : plan.parents) parts.parents.push_back(parent.hex());
  std::string payload = must(build_commit_payload(parts));
  if (!plan.is_signed) return payload;
  const std::string armored =
      sign_sshsig(payload, plan.signature_namespace, key_named(plan.signer.value_or(committer)));
  return must(attach_signature(payload, armored));
}

Oid Workshop::commit(const CommitPlan& plan) {
  std::string raw = raw_commit(plan);
  const Oid tree = must(Oid::parse(std::string_view(raw).substr(5, 40)));
  return write_commit(std::move(raw), tree, plan.parents);
}

Oid Workshop::write_commit(std::string raw, const Oid& tree, std::vector<Oid> parents) {
  Made made{{tree}, std::move(parents)};
  const auto repository =
      must(GitRepository::open(path_ / "objects", {}, std::make_shared<CommitGraph>()));
  std::vector<Oid> pending{tree};
  while (!pending.empty()) {
    const Oid next = pending.back();
    pending.pop_back();
    for (const TreeEntry& entry : must(repository->read_tree(next))) {
      made.objects.push_back(entry.oid);
      if (entry.is_tree()) pending.push_back(entry.oid);
    }
  }
  const Oid oid = write(ObjectType::kCommit, std::move(raw));
  made.objects.push_back(oid);
  commits_.insert_or_assign(oid, std::move(made));
  return oid;
}

std::string Workshop::pack(const std::vector<Oid>& tips) const {
  std::set<Oid> objects;
  std::vector<Oid> pending = tips;
  while (!pending.empty()) {
    const Oid next = pending.back();
    pending.pop_back();
    const auto made = commits_.find(next);
    if (made == commits_.end()) continue;
    objects.insert(made->second.objects.begin(), made->second.objects.end());
    pending.insert(pending.end(), made->second.parents.begin(), made->second.parents.end());
  }
  SubprocessOptions options;
  options.arguments = {"git", "pack-objects", "--stdout", "-q"};
  options.environment = minimal_environment();
  options.environment.emplace_back("GIT_DIR", path_.string());
  options.environment.emplace_back("GIT_CONFIG_NOSYSTEM", "1");
  options.environment.emplace_back("GIT_CONFIG_GLOBAL", "/dev/null");
  std::string wanted;
  for (const Oid& oid : objects) wanted += oid.hex() + "\n";
  options.stdin_bytes = wanted;
  const SubprocessResult result = must(run_subprocess(options));
  if (!result.succeeded()) FAIL("git pack-objects: ", result.stderr_bytes);
  return result.stdout_bytes;
}

bool PushResult::accepted() const {
  return !report.unpack_error &&
         std::ranges::all_of(report.refs, [](const auto& ref) { return !ref.refused; });
}

bool PushResult::denied_by(std::string_view rule) const {
  const std::string start = "denied: " + std::string(rule) + ":";
  return !accepted() && std::ranges::any_of(report.remote_lines, [&](const std::string& line) {
    return line.starts_with(start);
  });
}

std::string PushResult::text() const {
  std::string text;
  for (const auto& ref : report.refs) {
    text += ref.ref.str() + ": " + ref.refused.value_or("accepted") + "\n";
  }
  for (const std::string& line : report.remote_lines) text += line + "\n";
  return text;
}

std::string ServiceFixture::organisation() { return kOrganisation; }

ServiceFixture::ServiceFixture() : directory(scratch()) {
  copy_store(declared_store(), template_data(directory.path()));
  store = must(StateStore::open(template_data(directory.path()), options_for(*this)));
  static bool declared = false;
  if (!declared) {
    declare({{"organisation.yaml", organisation()}});
    settle();
    store.reset();
    must(remove_tree(declared_store()));
    copy_store(template_data(directory.path()), declared_store());
    declared = true;
    reopen();
  }
}

void ServiceFixture::reopen() {
  store.reset();
  store = must(StateStore::open(template_data(directory.path()), options_for(*this)));
}

AuthenticatedCaller ServiceFixture::as(std::string_view who, TokenScope scope,
                                       const std::string& repositories) {
  std::optional<Glob> glob;
  if (!repositories.empty()) glob = must(Glob::parse(repositories));
  return AuthenticatedCaller::for_token(name_of_resource(who), "tok_0123456789abcdef", scope,
                                        std::move(glob), clock.now() + std::chrono::hours(1));
}

Result<PushReport> ServiceFixture::push_moves(std::string_view who, const std::string& repository,
                                              std::vector<ProposedMove> moves,
                                              const std::optional<std::string>& pack,
                                              bool dry_run) {
  const PushIntent intent{must(RepositoryName::parse(repository)), std::move(moves), dry_run};
  std::optional<PackInput> input;
  if (pack) input = PackInput{.bytes = *pack};
  return store->pushes().push(as(who), intent, input);
}

PushResult ServiceFixture::push(std::string_view who, const std::string& repository,
                                const std::map<std::string, std::optional<Oid>>& refs,
                                bool dry_run) {
  std::vector<ProposedMove> moves;
  std::vector<Oid> tips;
  for (const auto& [ref, commit] : refs) {
    ProposedMove move{.key = key_of(repository + ":" + ref)};
    const auto now = state(move.key.str());
    if (now && now->content) move.old_oid = now->content->commit;
    move.new_oid = commit;
    if (commit) tips.push_back(*commit);
    moves.push_back(std::move(move));
  }
  std::optional<std::string> pack;
  if (!tips.empty()) pack = workshop.pack(tips);
  return {must(push_moves(who, repository, std::move(moves), pack, dry_run))};
}

PushResult ServiceFixture::push(std::string_view who, const Oid& commit) {
  return push(who, "platform", {{"refs/heads/audit", commit}});
}

Oid ServiceFixture::commit(CommitPlan plan) {
  const auto now = state("platform:refs/heads/audit");
  if (plan.parents.empty() && now) plan.parents = {now->content->commit};
  return workshop.commit(plan);
}

Oid ServiceFixture::push_commit(CommitPlan plan) {
  const std::string author = plan.author;
  const Oid made = commit(std::move(plan));
  const PushResult result = push(author, made);
  if (!result.accepted()) FAIL("the push was refused: ", result.text());
  return made;
}

PromotionNumber ServiceFixture::open(std::string_view who, const std::string& flow,
                                     const std::optional<Oid>& commit) {
  OpenPromotion request{.flow = name_of_resource(flow)};
  request.commit = commit;
  request.title = "Run the shop";
  return accepted(store->promotions().open(as(who), request));
}

Result<PromotionOutcome> ServiceFixture::approve(std::string_view who, PromotionNumber number) {
  return approve_with(who, number, who, nullptr);
}

Result<PromotionOutcome> ServiceFixture::approve_with(
    std::string_view who, PromotionNumber number, std::string_view key,
    const std::function<void(ApprovalStatement&)>& change) {
  return store->promotions().approve(as(who), number, approval_envelope(number, key, change));
}

std::string ServiceFixture::approval_envelope(
    PromotionNumber number, std::string_view key,
    const std::function<void(ApprovalStatement&)>& change) {
  const PromotionSituation situation =
      must(store->promotions().situation(AuthenticatedCaller::control(), number));
  ApprovalStatement statement = situation.statement;
  if (change) change(statement);
  DsseEnvelope envelope{std::string(kInTotoPayloadType), statement.payload(), {}};
  envelope.signatures.push_back(sign_dsse_ssh(envelope.payload_type, envelope.payload,
                                              kSshNamespaceApproval, key_named(key)));
  return envelope.serialise();
}

Result<PromotionOutcome> ServiceFixture::merge(std::string_view who, PromotionNumber number) {
  return store->promotions().merge(as(who), number);
}

VersionRecord ServiceFixture::promote(const std::string& flow) {
  const PromotionNumber number = open("alice", flow);
  accepted(approve("bob", number));
  accepted(merge("bob", number));
  const PromotionRecord record = must(ledger().promotion(number));
  return *must(ledger().version(record.target, *record.merged_version));
}

PushResult ServiceFixture::push_configuration(const FileMap& files) {
  const Oid tip_now = tip("system:refs/heads/audit");
  CommitPlan plan{.files = {}, .parents = {tip_now}, .message = "Declare\n"};
  const PooledRepository system = objects("system");
  const GitCommit commit = must(system->read_commit(tip_now));
  for (const TreeFile& file : must(read_tree_files(*system, commit.tree, 1000, 1U << 20))) {
    plan.files[file.path] = file.bytes;
  }
  for (const auto& [path, text] : files) {
    plan.files[path] = text;
    if (text.empty()) plan.files.erase(path);
  }
  return push("alice", "system", {{"refs/heads/audit", workshop.commit(plan)}});
}

void ServiceFixture::declare(const FileMap& files) {
  const PushResult result = push_configuration(files);
  if (!result.accepted()) FAIL("the configuration was refused: ", result.text());
  promote("system");
}

std::optional<RefState> ServiceFixture::state(std::string_view key) {
  return must(ledger().ref(key_of(key)));
}

Oid ServiceFixture::tip(std::string_view key) {
  const auto now = state(key);
  REQUIRE(now);
  REQUIRE(now->content);
  return now->content->commit;
}

VersionNumber ServiceFixture::version(std::string_view key) {
  const auto now = state(key);
  return now ? now->version : 0;
}

std::optional<Oid> ServiceFixture::ref_file(std::string_view key) {
  const RefKey parsed = key_of(key);
  return must(read_ref_file(core().repositories.path(parsed.repository), parsed.ref));
}

void ServiceFixture::settle() {
  REQUIRE(store->housekeeper().wait_until_idle(std::chrono::seconds(60)));
}

std::uint64_t ServiceFixture::log_size() {
  settle();
  return ledger().tree_size();
}

Json ServiceFixture::newest_event() {
  for (std::uint64_t index = log_size(); index-- > 0;) {
    Json event = must(parse_json(must(ledger().entry(index))));
    if (event["type"] != "statehouse.statement.issued") return event;
  }
  FAIL("the log is empty");
  return {};
}

std::set<std::string> ServiceFixture::object_files(const std::string& repository) {
  const Path root = core().repositories.path(must(RepositoryName::parse(repository))) / "objects";
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files.insert(entry.path().lexically_relative(root).string());
  }
  return files;
}

PooledRepository ServiceFixture::objects(const std::string& repository) {
  return must(core().repositories.acquire(must(RepositoryName::parse(repository))));
}

std::string refusal_of(const Result<PromotionOutcome>& outcome) {
  if (!outcome) FAIL("no refusal but an error: ", outcome.error().message);
  REQUIRE(outcome->refusal);
  std::string rules;
  for (const std::string& rule : outcome->refusal->decision.blocked_by()) {
    rules += (rules.empty() ? "" : " ") + rule;
  }
  return rules;
}

PromotionNumber accepted(Result<PromotionOutcome> outcome) {
  const PromotionOutcome value = must(std::move(outcome));
  if (value.refusal) {
    std::string text;
    for (const std::string& line : remote_lines(value.refusal->decision)) text += line + "\n";
    FAIL("refused: ", text);
  }
  return value.number;
}

}  // namespace statehouse::test
