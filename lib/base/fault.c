/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.c - fault points, armed by the environment.
 */
#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char *const points[] = {
	"store.create",	   /* before an object's file is made */
	"store.write",	   /* before bytes are appended to an object */
	"store.sync",	   /* bytes written, before fsync */
	"store.publish",   /* synced, before the object has its name */
	"store.published", /* named, before the directory is synced */
	"store.read",	   /* before bytes of an object are read */
	"store.delete",	   /* before an object is removed */
	"pack.finish",	   /* directory written, before the pack is stored */
	"index.write",	   /* all packs stored, before an index is */
	"snapshot.write",  /* index stored, before the snapshot is */
	"head.write",	   /* snapshot stored, before the head is */
	"head.written",	   /* head stored, before the catalog's commit */
	"catalog.commit",  /* before a catalog transaction commits */
	"prune.repacked",  /* live data copied, before the new index */
	"prune.committed", /* new head stored, before anything is deleted */
	"prune.delete",	   /* before each deletion */
	"restore.file",	   /* before a restored file gets its name */
	"archive.file",	   /* before a source file is read */
	"backup.frozen",   /* file systems frozen, before marks are taken */
	/* of tidemarkd, when a backup begins */
	"turn.synced",	/* synced once, before the epoch is turned */
	"turn.turned",	/* turned, before the sync that counts */
	"turn.kept",	/* marks in a file, before the kernel forgets them */
	"turn.dropped", /* forgotten there, before info says so */
	"turn.saved",	/* info written, before the answer */
};

int fault_armed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *armed_name;
static char action[16];
static unsigned long left; /* guarded by lock: passages until the fault */

const char *fault_name(unsigned int i)
{
	return i < ARRAY_LEN(points) ? points[i] : NULL;
}

static int parse(const char *spec)
{
	size_t len = strcspn(spec, ":"), i;

	for (i = 0; i < ARRAY_LEN(points); i++)
		if (strlen(points[i]) == len && !memcmp(points[i], spec, len))
			armed_name = points[i];
	if (!armed_name)
		return -EINVAL;
	left = 1;
	snprintf(action, sizeof(action), "kill");
	spec += len;
	if (*spec == ':' && spec[1] >= '0' && spec[1] <= '9') {
		char *end;

		left = strtoul(spec + 1, &end, 10);
		spec = end;
	}
	if (*spec == ':') {
		if (strlen(spec + 1) >= sizeof(action))
			return -EINVAL;
		snprintf(action, sizeof(action), "%s", spec + 1);
		spec += strlen(spec);
	}
	if (*spec || left == 0 ||
	    (strcmp(action, "kill") && strcmp(action, "stop") &&
	     strcmp(action, "EIO") && strcmp(action, "ENOSPC")))
		return -EINVAL;
	return 0;
}

int fault_init(void)
{
	const char *spec = getenv("TIDEMARK_FAULT");

	if (!spec || !*spec)
		return 0;
	if (parse(spec) < 0) {
		log_error("TIDEMARK_FAULT=%s names no fault point", spec);
		return -EINVAL;
	}
	fault_armed = 1;
	return 0;
}

int fault_hit(const char *name)
{
	if (strcmp(name, armed_name))
		return 0;
	pthread_mutex_lock(&lock);
	if (left == 0 || --left > 0) {
		pthread_mutex_unlock(&lock);
		return 0;
	}
	pthread_mutex_unlock(&lock);
	if (!strcmp(action, "EIO"))
		return -EIO;
	if (!strcmp(action, "ENOSPC"))
		return -ENOSPC;
	/* to this thread: a SIGSTOP for the process is another's to take,
	 * and this one would go on meanwhile */
	raise(strcmp(action, "stop") ? SIGKILL : SIGSTOP);
	return 0;
}
