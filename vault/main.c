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
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "vault/audit.h"
#include "vault/machines.h"
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
	"  serve DIR            take and give, until SIGTERM\n"
	"    --run COMMAND ARG... as long as it runs, with "
	"TIDEMARK_VAULT_URL\n"
	"                         (for tests)\n"
	"  credentials DIR      make a file for `tidemark register`: for one\n"
	"                       machine, once, within ten days\n"
	"    --vault NAME         (default)\n"
	"    --url URL            how the machine reaches this one\n"
	"    --output FILE        (standard output)\n"
	"  machines DIR         who is registered, and what is kept\n"
	"    --json\n"
	"  unregister DIR ID    a machine may not come any more; what it has\n"
	"                       stored stays\n"
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
	const char *listen, *vault, *url, *output;
	const char *names[NAMES_MAX];
	unsigned int n_names;
	bool json;
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
	struct vault v;
	int e;

	if (o->n_names == 0)
		o->names[o->n_names++] = "localhost";
	e = config_text(o, &config);
	if (e == 0)
		e = vault_make(o->dir, (const char *)config.p, o->vault);
	if (e == 0)
		e = vault_open(o->dir, &v); /* also makes its certificate */
	if (e < 0)
		return e;
	vault_close(&v);
	printf("made a vault in %s\n"
	       "next: tidemark-vaultd serve %s\n"
	       "and for each machine: tidemark-vaultd credentials %s "
	       "--output FILE, then on it: tidemark register "
	       "--vault-credentials FILE\n",
	       o->dir, o->dir, o->dir);
	return 0;
}

static int do_credentials(struct vault *v, const struct options *o)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4 * X509_CERT_MAX);
	int e = vault_credentials(v, o->vault, o->url, &b);

	if (e == 0)
		e = o->output
			    ? io_replace_file(AT_FDCWD, o->output, SPAN_OF(&b))
			    : io_write_all(STDOUT_FILENO, SPAN_OF(&b));
	if (e < 0 && o->output)
		log_error("write %s: %s", o->output, log_strerror(e));
	secret_wipe(b.p, b.len);
	return e;
}

static const char *time_text(char out[32], int64_t t)
{
	time_t sec = (time_t)t;
	struct tm tm;

	if (!t || !gmtime_r(&sec, &tm) ||
	    strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
		snprintf(out, 32, "-");
	return out;
}

static int print_json(struct buf *b, struct json_out *j)
{
	int e = json_end(j);

	if (e == 0)
		printf("%.*s\n", (int)b->len, (const char *)b->p);
	return e;
}

static int print_machine(void *arg, const struct machine *m)
{
	const struct options *o = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(8192);
	struct json_out j = JSON_OUT(&b);
	char newest[32];

	if (!o->json) {
		printf("%s  %-24s %-12s %6" PRId64 " points %14" PRId64
		       " bytes  newest %s\n",
		       m->id, m->name, m->removed ? "unregistered" : "",
		       m->points, m->bytes, time_text(newest, m->newest));
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "machine");
	json_str(&j, "machine", m->id);
	json_str(&j, "name", m->name);
	json_i64(&j, "registered", m->registered);
	json_bool(&j, "is_registered", m->removed == 0);
	json_i64(&j, "head", m->head);
	json_i64(&j, "points", m->points);
	json_i64(&j, "newest_point", m->newest);
	json_i64(&j, "bytes", m->bytes);
	json_close(&j);
	return print_json(&b, &j);
}

static int print_line(void *arg, const struct audit_line *l,
		      const uint8_t hash[static SHA256_LEN])
{
	const struct options *o = arg;
	CLEANUP_BUF struct buf b = BUF_INIT(64u << 10);
	struct json_out j = JSON_OUT(&b);
	char when[32];

	if (!o->json) {
		printf("%6" PRId64 "  %s  %-10s %-20s %s by %s%s%s\n", l->seq,
		       time_text(when, l->time), l->outcome, l->action,
		       l->target, l->actor, *l->detail ? ": " : "", l->detail);
		return 0;
	}
	json_object(&j, NULL);
	json_str(&j, "message_type", "audit");
	json_i64(&j, "seq", l->seq);
	json_i64(&j, "time", l->time);
	json_str(&j, "actor", l->actor);
	json_str(&j, "action", l->action);
	json_str(&j, "target", l->target);
	json_str(&j, "outcome", l->outcome);
	json_str(&j, "detail", l->detail);
	json_hex(&j, "hash", hash, SHA256_LEN);
	json_close(&j);
	return print_json(&b, &j);
}

static int do_verify(struct vault *v)
{
	struct audit_verdict verdict;
	char hex[2 * SHA256_LEN + 1];
	int e = audit_verify(v->db, &verdict);

	if (e < 0)
		return e;
	hex_encode(hex, verdict.last, SHA256_LEN);
	if (verdict.wrong) {
		log_error("line %" PRId64 " of the audit log does not follow "
			  "from the one before: it, or one before it, was "
			  "changed or taken out",
			  verdict.wrong);
		return -EUCLEAN;
	}
	printf("%" PRId64 " lines, each follows from the one before; the last "
	       "hash is %s\n",
	       verdict.lines, hex);
	return 0;
}

static int do_unregister(struct vault *v, const struct options *o)
{
	int e = machine_unregister(v->db, o->target, "local root");

	if (e == -ENOENT)
		log_error("no registered machine has the id %s", o->target);
	return e;
}

static int with_vault(struct options *o)
{
	struct vault v;
	int e = vault_open(o->dir, &v);

	if (e < 0)
		return e;
	if (!strcmp(o->command, "serve"))
		e = serve(&v, &o->serve);
	else if (!strcmp(o->command, "credentials"))
		e = do_credentials(&v, o);
	else if (!strcmp(o->command, "machines"))
		e = machines_list(v.db, print_machine, o);
	else if (!strcmp(o->command, "unregister"))
		e = do_unregister(&v, o);
	else if (!strcmp(o->command, "audit"))
		e = audit_list(v.db, 0, print_line, o);
	else
		e = do_verify(&v);
	vault_close(&v);
	return e;
}

/* --- the command line --- */

enum {
	OPT_LISTEN = 256,
	OPT_NAME,
	OPT_VAULT,
	OPT_URL,
	OPT_OUTPUT,
	OPT_JSON,
	OPT_RUN,
	OPT_CLOCK,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "listen", 1, NULL, OPT_LISTEN },   { "name", 1, NULL, OPT_NAME },
	{ "vault", 1, NULL, OPT_VAULT },     { "url", 1, NULL, OPT_URL },
	{ "output", 1, NULL, OPT_OUTPUT },   { "json", 0, NULL, OPT_JSON },
	{ "run", 0, NULL, OPT_RUN },	     { "clock", 1, NULL, OPT_CLOCK },
	{ "verbose", 0, NULL, 'v' },	     { "help", 0, NULL, OPT_HELP },
	{ "version", 0, NULL, OPT_VERSION }, { NULL, 0, NULL, 0 },
};

static int bad_usage(void)
{
	fputs(usage, stderr);
	return -EINVAL;
}

static int take_option(struct options *o, int c, char **argv)
{
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
	case OPT_URL:
		o->url = optarg;
		return 0;
	case OPT_OUTPUT:
		o->output = optarg;
		return 0;
	case OPT_JSON:
		o->json = true;
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

static int parse(struct options *o, int argc, char **argv)
{
	static const char *const commands[] = {
		"init",	      "serve", "credentials",  "machines",
		"unregister", "audit", "audit-verify",
	};
	const char **words[] = { &o->command, &o->dir, &o->target };
	size_t i, n = 0;
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
	if (e != 0)
		return e;
	for (i = 0; o->command && i < ARRAY_LEN(commands); i++)
		if (!strcmp(o->command, commands[i]) && o->dir &&
		    !o->target == !!strcmp(o->command, "unregister"))
			return 0;
	return bad_usage();
}

int main(int argc, char **argv)
{
	struct options o = { .listen = "127.0.0.1:8443", .vault = "default" };
	int e = parse(&o, argc, argv);

	if (e == 1)
		return 0;
	if (e < 0)
		return 2;
	umask(077);
	secret_harden_process();
	e = strcmp(o.command, "init") ? with_vault(&o) : do_init(&o);
	return e < 0 ? 1 : e;
}
