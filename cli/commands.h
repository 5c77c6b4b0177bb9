#pragma once

namespace statehouse {

class CommandSet;

// One function per command file; each adds its command, with subcommands, to the set.
void add_audit_command(CommandSet& commands);
void add_completion_command(CommandSet& commands);
void add_demo_command(CommandSet& commands);
void add_fsck_command(CommandSet& commands);
void add_help_command(CommandSet& commands);
void add_history_command(CommandSet& commands);
void add_init_command(CommandSet& commands);
void add_policy_command(CommandSet& commands);
void add_promotion_command(CommandSet& commands);
void add_repository_command(CommandSet& commands);
void add_serve_command(CommandSet& commands);
void add_snapshot_command(CommandSet& commands);
void add_sync_command(CommandSet& commands);
void add_token_command(CommandSet& commands);
void add_trust_command(CommandSet& commands);
void add_version_command(CommandSet& commands);

/// Adds every command of the program. The table in commands.cc is the one place to register a new
/// one.
void add_all_commands(CommandSet& commands);

}  // namespace statehouse
