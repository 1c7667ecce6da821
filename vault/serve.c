/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - the vault at work, until it is told to end.
 */
#include "vault/serve.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "base/service.h"
#include "vault/arm/arm.h"
#include "vault/objects/data_api.h"
#include "vault/http/http.h"
#include "vault/identity/token_api.h"
#include "vault/machines/reader_api.h"
#include "vault/monitor/metrics.h"
#include "vault/monitor/monitor_api.h"
#include "vault/monitor/notify.h"
#include "vault/machines/register_api.h"
#include "vault/sandbox.h"
#include "vault/upkeep.h"
#include "vault/monitor/watch.h"

#define SECONDS 60 /* without a byte, or for a request's head */

/* --- who may come, and what came of it --- */

static int admit(struct http_exchange *x, void *arg)
{
	const struct vault *v = arg;

	return gate_address(v->gate, x);
}

static void over(const struct http_exchange *x, void *arg,
		 const struct http_outcome *o)
{
	const struct vault *v = arg;

	gate_over(v->gate, x, o);
	metrics_over(v->metrics, o);
}

/* --- routes --- */

struct routes {
	struct http_route v[256];
	size_t n;
};

static void add_routes(struct routes *r, const struct http_route *from,
		       size_t n)
{
	assert(r->n + n <= ARRAY_LEN(r->v));
	memcpy(r->v + r->n, from, n * sizeof(*from));
	r->n += n;
}

/* --- starting --- */

/* A connection is a descriptor and a thread. */
static void raise_limits(unsigned int connections)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 ||
	    r.rlim_cur >= connections + 1024)
		return;
	r.rlim_cur = MIN(r.rlim_max, connections + 1024);
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

static int start(struct vault *v, const struct routes *r, int fd,
		 struct http **out)
{
	CLEANUP_BUF struct buf cert = BUF_INIT(2 * X509_CERT_MAX);
	CLEANUP_SECRET_BUF struct buf key = BUF_INIT(PKEY_PEM_MAX);
	CLEANUP_BUF struct buf ca = BUF_INIT(2 * X509_CERT_MAX);
	struct http_options opt = {
		.fd = fd,
		.routes = r->v,
		.n_routes = r->n,
		.arg = v,
		.admit = admit,
		.over = over,
		.connections = (unsigned int)v->config.connections,
		.connections_per_address =
			(unsigned int)v->config.connections_per_address,
		.seconds = SECONDS,
	};
	int e = authority_server(&v->authority, &cert, &key);

	if (e == 0)
		e = x509_to_pem(v->authority.ca, &ca);
	if (e < 0)
		return log_fail(e, "the server's certificate");
	opt.certificate = SPAN_OF(&cert);
	opt.key = SPAN_OF(&key);
	opt.client_ca = SPAN_OF(&ca);
	raise_limits((unsigned int)v->config.connections);
	return http_start(&opt, out);
}

/* --- running --- */

static void block_signals(sigset_t *set, sigset_t *old)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, set, old);
	signal(SIGPIPE, SIG_IGN);
}

struct command {
	pid_t pid; /* 0: none */
	int go;	   /* it waits there for the URL */
};

static void run_when_told(char **argv, int go, const sigset_t *signals)
{
	char url[300] = "";

	if (io_read_full(go, url, sizeof(url) - 1) <= 0)
		_exit(127); /* the server has not started */
	setenv("TIDEMARK_VAULT_URL", url, 1);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, signals, NULL);
	execvp(argv[0], argv);
	log_error("run %s: %s", argv[0], log_strerror(-errno));
	_exit(127);
}

/* Before the sandbox, which starts no programs. */
static int start_command(char **argv, const sigset_t *signals,
			 struct command *out)
{
	int ends[2];

	if (!argv)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return log_fail(-errno, "make a pipe");
	out->pid = fork();
	if (out->pid == 0) {
		close(ends[1]);
		run_when_told(argv, ends[0], signals);
	}
	close(ends[0]);
	out->go = ends[1];
	return out->pid < 0 ? log_fail(-errno, "fork") : 0;
}

static int tell_command(const struct vault *v, const struct http *h,
			struct command *c)
{
	char url[300];
	int e = 0;

	snprintf(url, sizeof(url), "https://%s:%u", v->config.names[0],
		 (unsigned int)http_port(h));
	if (c->pid > 0)
		e = io_write_all(c->go, SPAN(url, strlen(url)));
	if (c->go >= 0)
		close(c->go);
	c->go = -1;
	return e < 0 ? log_fail(e, "start the command") : 0;
}

static int wait_for_end(struct vault *v, pid_t command, const sigset_t *set)
{
	const struct timespec minute = { 60, 0 };
	int status, signal;

	for (;;) {
		(void)!refusals_flush(v->refusals, v->db, false);
		(void)!watch_pass(v);
		signal = sigtimedwait(set, NULL, &minute);
		if (signal < 0)
			continue;
		if (signal != SIGCHLD)
			break;
		if (command > 0 &&
		    waitpid(command, &status, WNOHANG) == command)
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
	}
	if (command > 0)
		kill(command, SIGTERM);
	return 0;
}

static int run(struct vault *v, const struct serve_options *opt,
	       const struct routes *routes, struct command *command)
{
	struct notifier *notifier = NULL;
	struct http *h = NULL;
	struct upkeep *upkeep = NULL;
	sigset_t set, old;
	int fd = sandbox_socket(), e = 0;

	block_signals(&set, &old);
	if (fd < 0)
		e = http_listen(v->config.listen, &fd);
	if (e == 0)
		e = start_command(opt->command, &old, command);
	if (e == 0)
		e = sandbox_enter(opt->command != NULL);
	if (e == 0)
		e = start(v, routes, fd, &h);
	if (e < 0)
		return e;
	log_info("the vault in %s listens on port %u", v->dir,
		 (unsigned int)http_port(h));
	e = vault_listens(v, http_port(h));
	if (e == 0)
		e = tell_command(v, h, command);
	if (e == 0)
		service_notify("READY=1\nSTATUS=listening on port %u\n",
			       (unsigned int)http_port(h));
	if (e == 0)
		e = notify_start(v, &notifier);
	if (e == 0)
		e = upkeep_start(v, &upkeep);
	if (e == 0)
		e = wait_for_end(v, command->pid, &set);
	service_notify("STOPPING=1\n");
	upkeep_stop(upkeep);
	notify_stop(notifier);
	http_stop(h);
	return e;
}

int serve(struct vault *v, const struct serve_options *opt)
{
	struct routes routes = { .n = 0 };
	struct command command = { 0, -1 };
	CLEANUP_CLOSE int lock = -1;
	int e = upkeep_lock(v->dir, &lock);

	if (e < 0)
		return e;
	add_routes(&routes, monitor_routes, n_monitor_routes);
	add_routes(&routes, data_routes, n_data_routes);
	add_routes(&routes, register_routes, n_register_routes);
	add_routes(&routes, token_routes, n_token_routes);
	add_routes(&routes, reader_routes, n_reader_routes);
	add_routes(&routes, arm_http_routes, n_arm_http_routes);
	service_log_init();
	e = metrics_new(routes.v, routes.n, &v->metrics);
	if (e == 0)
		e = run(v, opt, &routes, &command);
	if (command.go >= 0)
		close(command.go);
	metrics_free(TAKE_PTR(v->metrics));
	(void)!refusals_flush(v->refusals, v->db, true);
	return e;
}
