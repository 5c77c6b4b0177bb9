#include <doctest/doctest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "tests/policy/policy_fixture.h"

// A promotion lives through random events; after each, the evaluator is asked and compared with a
// model that is written down differently: from the point of view of each commit and each person,
// with plain loops and no classes, sets of hands or clauses.

namespace statehouse {

namespace {

using test::kNow;
using test::name;

const std::vector<std::string> kPeople{"alice", "bob", "carol", "dave", "ci"};
const std::set<std::string> kReviewers{"alice", "bob", "carol"};
constexpr Milliseconds kValidFor = std::chrono::days(7);

struct ModelApproval {
  std::string who;
  bool approve = true;
  int revision = 0;
  std::size_t key = 0;  // 0: a key in service, 1: somebody else's
  Timestamp at;
  bool drops = false;
};

struct ModelCommit {
  std::string author;
  std::string pusher;
  std::string co_author;  // empty: none
};

/// The state of one promotion, and what may happen to it.
class Model {
 public:
  explicit Model(std::uint32_t seed) : random_(seed) { push(); }

  void step() {
    switch (pick(16)) {
      case 0:
        push();
        break;
      case 1:
        ++revision_;  // the target moved
        break;
      case 2:
        now_ = now_ + std::chrono::hours(pick(60));
        break;
      case 3:
        superseded_ = !superseded_ && pick(4) == 0;
        break;
      case 4:
        own_changes_ = !own_changes_;
        break;
      default:
        speak();
    }
  }

  /// Whether the promotion should be ready when each commit needs `count` approvals.
  [[nodiscard]] bool ready(unsigned count) const {
    if (superseded_) return false;
    for (const std::string& person : kReviewers) {
      const ModelApproval* const word = last_word(person);
      if (word != nullptr && !word->approve) return false;
    }
    for (const ModelCommit& commit : commits_) {
      unsigned approvals = 0;
      for (const std::string& person : kReviewers) {
        if (approves(person) && !had_a_hand(person, commit)) ++approvals;
      }
      if (approvals < count) return false;
    }
    return true;
  }

  [[nodiscard]] PromotionFacts facts() const {
    std::vector<CommitFacts> commits;
    for (const ModelCommit& each : commits_) {
      CommitFacts commit = test::commit_by(each.author, static_cast<unsigned>(commits.size()));
      commit.pusher = name(each.pusher);
      if (!each.co_author.empty()) commit.co_author_emails = {each.co_author + "@example.org"};
      commits.push_back(commit);
    }
    PromotionFacts facts = test::promotion_of(commits);
    facts.now = now_;
    if (superseded_) facts.superseded_by = "promotion 99";
    if (own_changes_) facts.target_own_changes = {7};
    for (const ModelApproval& word : words_) {
      ApprovalFacts approval = test::approval_by(word.who);
      approval.verdict = word.approve ? ApprovalVerdict::kApprove : ApprovalVerdict::kReject;
      approval.matches_current_revision = word.revision == revision_;
      approval.is_for_pinned_commit = word.revision == revision_;
      approval.received = word.at;
      if (word.key == 1)
        approval.fingerprint = test::fingerprint(word.who == "bob" ? "carol" : "bob");
      if (word.drops) approval.drops = {7};
      facts.approvals.push_back(approval);
    }
    return facts;
  }

 private:
  std::size_t pick(std::size_t below) { return random_() % below; }
  std::string somebody() { return kPeople[pick(kPeople.size())]; }

  void push() {
    commits_.push_back({somebody(), somebody(), pick(3) == 0 ? somebody() : std::string()});
    if (commits_.size() > 3) commits_.erase(commits_.begin());
    ++revision_;
  }

  void speak() {
    now_ = now_ + Milliseconds(1);
    const std::size_t key = pick(8) == 0 ? 1 : 0;
    words_.push_back({somebody(), pick(6) != 0, pick(6) == 0 ? revision_ - 1 : revision_, key, now_,
                      pick(2) == 0});
  }

  static bool is_hand_of(const std::string& person, const std::string& actor) {
    return person == actor || (actor == "ci" && person == "alice");
  }

  [[nodiscard]] static bool had_a_hand(const std::string& person, const ModelCommit& commit) {
    return is_hand_of(person, commit.author) || is_hand_of(person, commit.pusher) ||
           is_hand_of(person, commit.co_author);
  }

  [[nodiscard]] const ModelApproval* last_word(const std::string& person) const {
    const ModelApproval* last = nullptr;
    for (const ModelApproval& word : words_) {
      if (word.who == person && word.revision == revision_) last = &word;
    }
    return last;
  }

  [[nodiscard]] bool approves(const std::string& person) const {
    const ModelApproval* const last = last_word(person);
    if (last == nullptr || !last->approve) return false;
    for (const ModelApproval& word : words_) {
      const bool counts = word.who == person && word.approve && word.revision == revision_ &&
                          word.key == 0 && now_ < word.at + kValidFor &&
                          (!own_changes_ || word.drops);
      if (counts) return true;
    }
    return false;
  }

  std::mt19937 random_;
  Timestamp now_ = kNow;
  int revision_ = 1;
  bool superseded_ = false;
  bool own_changes_ = false;
  std::vector<ModelCommit> commits_;
  std::vector<ModelApproval> words_;
};

void run(unsigned count, std::uint32_t first_seed) {
  const Configuration configuration = test::configured(
      test::with(test::organisation(), "{count: 1, from: [group:reviewers]",
                 "{count: " + std::to_string(count) + ", from: [group:reviewers]"));
  int ready = 0;
  int blocked = 0;
  for (std::uint32_t seed = first_seed; seed < first_seed + 60; ++seed) {
    Model model(seed);
    for (int step = 0; step < 50; ++step) {
      model.step();
      const Decision decision = evaluate_promotion(configuration, model.facts());
      CAPTURE(seed);
      CAPTURE(step);
      INFO(test::verdict(decision));
      REQUIRE(decision.allow == model.ready(count));
      ++(decision.allow ? ready : blocked);
    }
  }
  // A model that never gets anywhere would prove nothing.
  CHECK(ready > 30);
  CHECK(blocked > 300);
}

}  // namespace

TEST_CASE(
    "whatever happens to a promotion, it is ready exactly when every commit has its approver") {
  run(1, 1);
}

TEST_CASE("and so where two approvals are asked for") { run(2, 1000); }

}  // namespace statehouse
