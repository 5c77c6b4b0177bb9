#include "cli/commands.h"

#include <array>

namespace statehouse {
namespace {

using AddCommand = void (*)(CommandSet&);

// In the order of the help.
constexpr std::array kCommands = std::to_array<AddCommand>({
    add_init_command,
    add_serve_command,
    add_token_command,
    add_trust_command,
    add_repository_command,
    add_history_command,
    add_promotion_command,
    add_snapshot_command,
    add_sync_command,
    add_audit_command,
    add_policy_command,
    add_fsck_command,
    add_demo_command,
    add_version_command,
    add_help_command,
    add_completion_command,
});

}  // namespace

void add_all_commands(CommandSet& commands) {
  for (const AddCommand add : kCommands) add(commands);
}

}  // namespace statehouse
