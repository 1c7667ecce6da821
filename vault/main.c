/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - tidemark-vaultd: a vault, and what its administrator does with it
 * on the machine that it is on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "vault/retention/collect.h"
#include "vault/identity/cli.h"
#include "vault/identity/identity.h"
#include "vault/retention/keeping.h"
#include "vault/operate.h"
#include "vault/retention/policy.h"
#include "vault/machines/readers.h"
#include "vault/report.h"
#include "vault/sandbox.h"
#include "vault/serve.h"
#include "version.h"

static const char usage[] =
	"usage: tidemark-vaultd COMMAND DIR [OPTION]...\n"
	"A vault keeps the backups of machines, and cannot read them.\n"
	"\n"
	"  init DIR             make a vault\n"
	"    --listen HOST:PORT   (127.0.0.1:8443)\n"
	"    --name HOST          what machines call this one, a host name or\n"
	"                         an address; may be repeated (localhost)\n"
	"    --vault NAME         (default)\n"
	"    --user NAME          whose it is, and who serves it\n"
	"  serve DIR            take and give, until SIGTERM\n"
	"    --run COMMAND ARG... as long as it runs, with "
	"TIDEMARK_VAULT_URL\n"
	"                         (for tests)\n"
	"  credentials DIR      make a file for `tidemark register`: for one\n"
	"                       machine, once, within ten days\n"
	"    --vault NAME         (default)\n"
	"    --url URL            how the machine reaches this one\n"
	"    --output FILE        (standard output)\n"
	"    --restore            instead for who restores what others have\n"
	"                         stored, and reads only\n"
	"    --machine ID|NAME    that machine's alone (every one's)\n"
	"    --days N             until then (2)\n"
	"  readers DIR          who may restore\n"
	"    --json\n"
	"  revoke DIR ID        who may restore may not any more\n"
	"  machines DIR         who is registered, and what is kept; below,\n"
	"                       NAME is a machine's name or its id\n"
	"    --json\n"
	"  points DIR NAME      the recovery points of a machine, and why "
	"each\n"
	"                       is kept\n"
	"    --json\n"
	"  policy DIR [WORDS]   how long points are kept, or another way:\n"
	"                       daily=30,weekly=12:sun,monthly=24:1,"
	"yearly=10:jan:1\n"
	"    --vault NAME, --policy NAME  (default)\n"
	"  collect DIR          let go of what is not kept any more; a server\n"
	"                       does that each hour\n"
	"    --clock-is-right   although it has jumped\n"
	"  settings DIR         how hard it is to lose what is there, or:\n"
	"    --soft-delete enabled|disabled|alwayson, --soft-delete-days N\n"
	"    --immutability disabled|unlocked|locked\n"
	"    --security-features enabled|disabled|alwayson\n"
	"    --vault NAME, --json\n"
	"  pin DIR              a security PIN, for five minutes, once\n"
	"    --vault NAME         (default)\n"
	"  stop DIR NAME        end a machine's protection and keep its data,\n"
	"                       or\n"
	"    --delete-data        delete them: softly, if that is on\n"
	"    --pin N              what `pin` said\n"
	"  resume DIR NAME      a machine whose protection was stopped may "
	"back\n"
	"                       up again\n"
	"  undelete DIR NAME    bring back what was deleted\n"
	"  purge DIR NAME       now, what the next collection would purge\n"
	"  scrub DIR            are all bytes still those that came? A server\n"
	"                       looks by itself, slowly\n"
	"    --json\n"
	"  status DIR           how far that has come, and what is damaged\n"
	"    --json\n"
	"  unregister DIR NAME  a machine may not come any more; what it has\n"
	"                       stored stays\n"
	"  quota DIR [NAME]     what machines use of the room that they have, "
	"or\n"
	"                       how much one has from now on\n"
	"    --bytes N, --objects N   100G, or none\n"
	"    --default            what the configuration says\n"
	"    --json\n"
	"  alerts DIR           what an administrator has to know\n"
	"    --all                also what was acknowledged\n"
	"    --json\n"
	"  monitor-token DIR NAME  a token that may read /metrics\n"
	"    --revoke             it may no longer\n"
	"  acknowledge DIR ID   an alert was seen to\n"
	"  identity DIR ACTION  who may ask for tokens:\n"
	"    list; add NAME; remove WHO; secret WHO; secrets WHO;\n"
	"    secret-remove ID; rotate-keys\n"
	"  role DIR ACTION      what they may do:\n"
	"    list [WHO]; assign WHO ROLE [--scope SCOPE]; remove ID\n"
	"  audit DIR            what was asked, and what became of it\n"
	"    --json\n"
	"  audit-verify DIR     has a line been changed or taken out?\n"
	"\n"
	"  --clock FILE         the time is what FILE says (for tests)\n"
	"  -v, --verbose        say more\n"
	"  --version, --help\n";

#define NAMES_MAX 16

struct options {
	const char *command, *dir, *target;
	const char *listen, *vault, *policy, *url, *output, *machine, *user;
	const char *names[NAMES_MAX];
	unsigned int n_names;
	unsigned int days;
	bool json, clock_is_right, all, restore, revoke;
	struct quota_words quota;
	struct keeping_options keeping;
	struct serve_options serve;
};

/* --- commands --- */

static int config_text(const struct options *o, struct buf *out)
{
	CLEANUP_FREE char *head = NULL;
	unsigned int i;
	int n = asprintf(&head,
			 "# vaultd.conf - see tidemark-vaultd(8)\n\n[vault]\n"
			 "listen = %s\n",
			 o->listen);
	int e;

	if (n < 0)
		return -ENOMEM;
	e = buf_append(out, head, (size_t)n);
	for (i = 0; i < o->n_names && e == 0; i++) {
		e = buf_append(out, "name = ", 7);
		if (e == 0)
			e = buf_append(out, o->names[i], strlen(o->names[i]));
		if (e == 0)
			e = buf_u8(out, '\n');
	}
	return e < 0 ? e : buf_u8(out, '\0');
}

static int do_init(struct options *o)
{
	CLEANUP_BUF struct buf config = BUF_INIT(64u << 10);
	CLEANUP_FREE char *admin = NULL;
	struct vault v;
	int e;

	if (o->n_names == 0)
		o->names[o->n_names++] = "localhost";
	e = o->user ? sandbox_give(o->dir, o->user) : 0;
	if (e == 0)
		e = sandbox_become_owner(o->dir, false);
	if (e == 0)
		e = config_text(o, &config);
	if (e == 0)
		e = vault_make(o->dir, (const char *)config.p, o->vault);
	if (e == 0)
		e = vault_open(o->dir, &v); /* also makes its certificate */
	if (e < 0)
		return e;
	if (asprintf(&admin, "%s/administrator.json", o->dir) < 0) {
		admin = NULL;
		e = -ENOMEM;
	}
	if (e == 0)
		e = identity_first_administrator(&v, admin);
	vault_close(&v);
	if (e < 0)
		return e;
	printf("made a vault in %s\n"
	       "its first administrator, with a secret: %s; move it away\n"
	       "next: tidemark-vaultd serve %s\n"
	       "and for each machine: tidemark-vaultd credentials %s "
	       "--output FILE, then on it: tidemark register "
	       "--vault-credentials FILE\n",
	       o->dir, admin, o->dir, o->dir);
	return 0;
}

static int do_credentials(struct vault *v, const struct options *o)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4 * X509_CERT_MAX);
	int e = o->restore ? vault_restore_credentials(v, o->vault, o->machine,
						       o->days, o->url, &b)
			   : vault_credentials(v, o->vault, o->url,
					       "local root", &b);

	/* the vault's user may write its own files only */
	if (e == 0)
		e = sandbox_leave();
	if (e == 0)
		e = o->output
			    ? io_replace_file(AT_FDCWD, o->output, SPAN_OF(&b))
			    : io_write_all(STDOUT_FILENO, SPAN_OF(&b));
	if (e < 0 && o->output)
		log_error("write %s: %s", o->output, log_strerror(e));
	secret_wipe(b.p, b.len);
	return e < 0 ? e : sandbox_return();
}

static int do_unregister(struct vault *v, const struct options *o)
{
	int e = machine_unregister(v->db, o->target, "local root");

	if (e == -ENOENT)
		log_error("no registered machine has the id %s", o->target);
	return e;
}

static int do_revoke(struct vault *v, const struct options *o)
{
	int e = reader_revoke(v->db, o->target, "local root");

	if (e == -ENOENT)
		log_error("nobody who may restore has the id %s, or it was "
			  "revoked before",
			  o->target);
	return e;
}

static int do_policy(struct vault *v, const struct options *o)
{
	char id[MACHINE_ID_LEN + 1];
	struct refusal refused;
	const char *why;
	struct gfs g;
	int e;

	if (!o->target)
		return report_policies(v);
	e = policy_parse(o->target, &g, &why);
	if (e == -EINVAL)
		log_error("%s: %s", o->target, why);
	if (e < 0)
		return e;
	e = vault_find(v->db, o->vault, id);
	if (e == 0)
		e = policy_change(v->db, id, o->policy, &g, "local root");
	if (e == -ENOENT)
		log_error("there is no policy %s of a vault %s here", o->policy,
			  o->vault);
	if (policy_refusal(e, &g, &refused))
		log_error("%s: %s", o->target, refused.text);
	return e;
}

static int do_collect(struct vault *v, const struct options *o)
{
	struct collected c;
	int e = collect(v, o->clock_is_right, &c);

	if (e == 0)
		printf("let go of %" PRIu64 " recovery points and %" PRIu64
		       " objects of %" PRIu64 " bytes\n",
		       c.points, c.objects, c.bytes);
	if (e == 0 && c.purged)
		printf("purged %" PRIu64 " machine%s\n", c.purged,
		       c.purged == 1 ? "" : "s");
	return e;
}

static int do_keeping(struct vault *v, struct options *o)
{
	o->keeping.json = o->json;
	return keeping_run(v, o->command, o->target ?: o->vault, &o->keeping);
}

/* Commands, and whether one has a word behind DIR. */
static const struct command {
	const char *name;
	enum { NO_WORD, MAYBE_WORD, WORD, MAYBE_MACHINE, MACHINE } word;
} commands[] = {
	{ "init", NO_WORD },	    { "serve", NO_WORD },
	{ "credentials", NO_WORD }, { "machines", NO_WORD },
	{ "points", MACHINE },	    { "policy", MAYBE_WORD },
	{ "collect", NO_WORD },	    { "unregister", MACHINE },
	{ "readers", NO_WORD },	    { "revoke", WORD },
	{ "quota", MAYBE_MACHINE }, { "alerts", NO_WORD },
	{ "monitor-token", WORD },  { "acknowledge", WORD },
	{ "audit", NO_WORD },	    { "audit-verify", NO_WORD },
	{ "settings", NO_WORD },    { "pin", NO_WORD },
	{ "stop", MACHINE },	    { "resume", MACHINE },
	{ "undelete", MACHINE },    { "purge", MACHINE },
	{ "status", NO_WORD },	    { "scrub", NO_WORD },
};

static int word_of(const char *command)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(command, commands[i].name))
			return (int)commands[i].word;
	return -1;
}

static int run_command(struct vault *v, struct options *o)
{
	if (!strcmp(o->command, "serve"))
		return serve(v, &o->serve);
	if (!strcmp(o->command, "credentials"))
		return do_credentials(v, o);
	if (!strcmp(o->command, "machines"))
		return report_machines(v, o->json);
	if (!strcmp(o->command, "points"))
		return report_points(v, o->target, o->json);
	if (!strcmp(o->command, "policy"))
		return do_policy(v, o);
	if (!strcmp(o->command, "collect"))
		return do_collect(v, o);
	if (keeping_has(o->command))
		return do_keeping(v, o);
	if (!strcmp(o->command, "unregister"))
		return do_unregister(v, o);
	if (!strcmp(o->command, "quota"))
		return operate_quota(v, o->target, &o->quota, o->json);
	if (!strcmp(o->command, "alerts"))
		return operate_alerts(v, o->all, o->json);
	if (!strcmp(o->command, "monitor-token"))
		return operate_monitor_token(v, o->target, o->revoke);
	if (!strcmp(o->command, "acknowledge"))
		return operate_acknowledge(v, o->target);
	if (!strcmp(o->command, "readers"))
		return report_readers(v, o->json);
	if (!strcmp(o->command, "revoke"))
		return do_revoke(v, o);
	if (!strcmp(o->command, "audit"))
		return report_audit(v, o->json);
	return report_audit_verdict(v);
}

/* Its id where a machine's name was given. */
static int name_machine(struct vault *v, struct options *o, struct machine *m)
{
	int word = word_of(o->command), e;

	if (!o->target || (word != MACHINE && word != MAYBE_MACHINE) ||
	    strlen(o->target) == MACHINE_ID_LEN)
		return 0;
	e = vault_machine(v, o->vault, o->target, m);
	o->target = m->id;
	return e;
}

static int with_vault(struct options *o)
{
	struct machine m;
	struct vault v;
	int e = sandbox_become_owner(o->dir, !strcmp(o->command, "serve"));

	if (e == 0)
		e = vault_open(o->dir, &v);
	if (e < 0)
		return e;
	e = name_machine(&v, o, &m);
	if (e == 0)
		e = run_command(&v, o);
	vault_close(&v);
	return e;
}

/* --- the command line --- */

enum {
	OPT_LISTEN = 256,
	OPT_NAME,
	OPT_VAULT,
	OPT_POLICY,
	OPT_URL,
	OPT_OUTPUT,
	OPT_RESTORE,
	OPT_MACHINE,
	OPT_DAYS,
	OPT_CLOCK_IS_RIGHT,
	OPT_JSON,
	OPT_SOFT_DELETE,
	OPT_SOFT_DELETE_DAYS,
	OPT_IMMUTABILITY,
	OPT_SECURITY,
	OPT_DELETE_DATA,
	OPT_PIN,
	OPT_RUN,
	OPT_CLOCK,
	OPT_BYTES,
	OPT_OBJECTS,
	OPT_DEFAULT,
	OPT_ALL,
	OPT_USER,
	OPT_REVOKE,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "listen", 1, NULL, OPT_LISTEN },
	{ "name", 1, NULL, OPT_NAME },
	{ "vault", 1, NULL, OPT_VAULT },
	{ "policy", 1, NULL, OPT_POLICY },
	{ "url", 1, NULL, OPT_URL },
	{ "output", 1, NULL, OPT_OUTPUT },
	{ "restore", 0, NULL, OPT_RESTORE },
	{ "machine", 1, NULL, OPT_MACHINE },
	{ "days", 1, NULL, OPT_DAYS },
	{ "clock-is-right", 0, NULL, OPT_CLOCK_IS_RIGHT },
	{ "json", 0, NULL, OPT_JSON },
	{ "soft-delete", 1, NULL, OPT_SOFT_DELETE },
	{ "soft-delete-days", 1, NULL, OPT_SOFT_DELETE_DAYS },
	{ "immutability", 1, NULL, OPT_IMMUTABILITY },
	{ "security-features", 1, NULL, OPT_SECURITY },
	{ "delete-data", 0, NULL, OPT_DELETE_DATA },
	{ "pin", 1, NULL, OPT_PIN },
	{ "run", 0, NULL, OPT_RUN },
	{ "clock", 1, NULL, OPT_CLOCK },
	{ "bytes", 1, NULL, OPT_BYTES },
	{ "objects", 1, NULL, OPT_OBJECTS },
	{ "default", 0, NULL, OPT_DEFAULT },
	{ "all", 0, NULL, OPT_ALL },
	{ "user", 1, NULL, OPT_USER },
	{ "revoke", 0, NULL, OPT_REVOKE },
	{ "verbose", 0, NULL, 'v' },
	{ "version", 0, NULL, OPT_VERSION },
	{ "help", 0, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int bad_usage(void)
{
	fputs(usage, stderr);
	return -EINVAL;
}

static int take_days(struct options *o)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	if (*end || n == 0 || n > READER_DAYS_MAX) {
		log_error("--days is from 1 to %d", READER_DAYS_MAX);
		return -EINVAL;
	}
	o->days = (unsigned int)n;
	return 0;
}

/* False: it is none of these. */
static bool take_keeping(struct keeping_options *k, int c)
{
	switch (c) {
	case OPT_SOFT_DELETE:
		k->soft_delete = optarg;
		return true;
	case OPT_SOFT_DELETE_DAYS:
		k->soft_delete_days = optarg;
		return true;
	case OPT_IMMUTABILITY:
		k->immutability = optarg;
		return true;
	case OPT_SECURITY:
		k->security = optarg;
		return true;
	case OPT_DELETE_DATA:
		k->delete_data = true;
		return true;
	case OPT_PIN:
		k->pin = optarg;
		return true;
	}
	return false;
}

static int take_option(struct options *o, int c, char **argv)
{
	if (take_keeping(&o->keeping, c))
		return 0;
	switch (c) {
	case OPT_LISTEN:
		o->listen = optarg;
		return 0;
	case OPT_NAME:
		if (o->n_names == NAMES_MAX)
			return bad_usage();
		o->names[o->n_names++] = optarg;
		return 0;
	case OPT_VAULT:
		o->vault = optarg;
		return 0;
	case OPT_POLICY:
		o->policy = optarg;
		return 0;
	case OPT_URL:
		o->url = optarg;
		return 0;
	case OPT_RESTORE:
		o->restore = true;
		return 0;
	case OPT_MACHINE:
		o->machine = optarg;
		return 0;
	case OPT_DAYS:
		return take_days(o);
	case OPT_CLOCK_IS_RIGHT:
		o->clock_is_right = true;
		return 0;
	case OPT_OUTPUT:
		o->output = optarg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_BYTES:
		o->quota.bytes = optarg;
		return 0;
	case OPT_OBJECTS:
		o->quota.objects = optarg;
		return 0;
	case OPT_DEFAULT:
		o->quota.is_default = true;
		return 0;
	case OPT_REVOKE:
		o->revoke = true;
		return 0;
	case OPT_USER:
		o->user = optarg;
		return 0;
	case OPT_ALL:
		o->all = true;
		return 0;
	case OPT_RUN:
		o->serve.command = argv + optind;
		return *o->serve.command ? 0 : bad_usage();
	case OPT_CLOCK:
		clock_use(optarg);
		return 0;
	case 'v':
		log_set_level(LOG_LEVEL_DEBUG);
		return 0;
	case OPT_VERSION:
		puts("tidemark-vaultd " TIDEMARK_VERSION);
		return 1;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	}
	return bad_usage();
}

static int check_words(const struct options *o)
{
	int word = o->command && o->dir ? word_of(o->command) : -1;

	if ((o->machine || o->days != READER_DAYS) && !o->restore)
		return bad_usage(); /* these say what may be restored */
	switch (word) {
	case NO_WORD:
		return o->target ? bad_usage() : 0;
	case WORD:
	case MACHINE:
		return o->target ? 0 : bad_usage();
	case MAYBE_WORD:
	case MAYBE_MACHINE:
		return 0;
	}
	return bad_usage();
}

static int parse(struct options *o, int argc, char **argv)
{
	const char **words[] = { &o->command, &o->dir, &o->target };
	size_t n = 0;
	int c, e = 0;

	while (e == 0 && !o->serve.command && n <= ARRAY_LEN(words)) {
		/* "+": words before options are taken here, one by one */
		c = getopt_long(argc, argv, "+v", long_options, NULL);
		if (c >= 0)
			e = take_option(o, c, argv);
		else if (optind >= argc)
			break;
		else if (n == ARRAY_LEN(words))
			return bad_usage();
		else
			*words[n++] = argv[optind++];
	}
	return e != 0 ? e : check_words(o);
}

static bool is_identity(int argc, char **argv)
{
	return argc > 1 &&
	       (!strcmp(argv[1], "identity") || !strcmp(argv[1], "role"));
}

static int run_identity(int argc, char **argv)
{
	bool is_wrong;
	int e = identity_cli(argc - 1, argv + 1, &is_wrong);

	if (e < 0 && is_wrong)
		(void)bad_usage();
	return e == 0 ? 0 : is_wrong ? 2 : 1;
}

int main(int argc, char **argv)
{
	struct options o = { .listen = "127.0.0.1:8443",
			     .vault = "default",
			     .policy = POLICY_DEFAULT,
			     .days = READER_DAYS };
	int e;

	umask(077);
	secret_harden_process();
	if (is_identity(argc, argv))
		return run_identity(argc, argv);
	e = parse(&o, argc, argv);
	if (e == 1)
		return 0;
	if (e < 0)
		return 2;
	e = strcmp(o.command, "init") ? with_vault(&o) : do_init(&o);
	return e < 0 ? 1 : e;
}
