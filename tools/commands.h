/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - what each verb of the table runs.
 *
 * A command reads its options with the accessors of cli.h and returns an
 * exit code (enum cli_exit). It has then logged why, if it is not CLI_OK.
 *
 * The declarations are weak: a program linked without a command's file
 * lacks that verb, in the usage and in the parser, and has all the others.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

struct cli;

#define COMMAND(name) int cmd_##name(struct cli *cli) __attribute__((weak))

COMMAND(init);
COMMAND(backup);
COMMAND(audit);
COMMAND(snapshots);
COMMAND(ls);
COMMAND(find);
COMMAND(cat);
COMMAND(diff);
COMMAND(restore);
COMMAND(mount);
COMMAND(check);
COMMAND(forget);
COMMAND(prune);
COMMAND(key);
COMMAND(stats);
COMMAND(explain);
COMMAND(track);
COMMAND(status);
COMMAND(changes);
COMMAND(schedule);
COMMAND(jobs);
COMMAND(register);
COMMAND(unregister);
COMMAND(machines);
COMMAND(benchmark);
COMMAND(version);
COMMAND(completion);
COMMAND(help);

#undef COMMAND

#endif /* TOOLS_COMMANDS_H */
