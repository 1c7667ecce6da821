/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - the tables of the vault's database, version after version.
 *
 * Times are seconds since 1970 by the vault's clock; ids are UUIDs as text.
 */
#include "vault/schema.h"

static const char first[] =
	"CREATE TABLE vault ("
	" id TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE,"
	" created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE policy ("
	" id TEXT PRIMARY KEY, vault TEXT NOT NULL REFERENCES vault(id),"
	" name TEXT NOT NULL COLLATE NOCASE, days INTEGER NOT NULL,"
	" UNIQUE (vault, name)) STRICT, WITHOUT ROWID;"
	/* bits as gfs.h has them */
	"CREATE TABLE policy_rule ("
	" policy TEXT NOT NULL REFERENCES policy(id) ON DELETE CASCADE,"
	" unit INTEGER NOT NULL, count INTEGER NOT NULL,"
	" days INTEGER NOT NULL, weekdays INTEGER NOT NULL,"
	" weeks INTEGER NOT NULL, months INTEGER NOT NULL,"
	" PRIMARY KEY (policy, unit)) STRICT, WITHOUT ROWID;"
	/* what a credentials file has: its hash. Once used it is no more. */
	"CREATE TABLE credential ("
	" hash BLOB PRIMARY KEY, vault TEXT NOT NULL REFERENCES vault(id),"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL,"
	" used INTEGER) STRICT, WITHOUT ROWID;"
	/* removed: a name is free again, the data stay for as long as policy
	 * says */
	"CREATE TABLE machine ("
	" id TEXT PRIMARY KEY, vault TEXT NOT NULL REFERENCES vault(id),"
	" name TEXT NOT NULL COLLATE NOCASE, registered INTEGER NOT NULL,"
	" removed INTEGER, head INTEGER NOT NULL DEFAULT 0,"
	" policy TEXT NOT NULL REFERENCES policy(id))"
	" STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX machine_name ON machine(vault, name)"
	" WHERE removed IS NULL;"
	"CREATE TABLE certificate ("
	" fingerprint BLOB PRIMARY KEY,"
	" machine TEXT NOT NULL REFERENCES machine(id),"
	" issued INTEGER NOT NULL, expires INTEGER NOT NULL,"
	" revoked INTEGER) STRICT, WITHOUT ROWID;"
	/* An object is part of the repository as of each head from the first
	 * one after its arrival up to the one before it was dropped. */
	"CREATE TABLE object ("
	" machine TEXT NOT NULL REFERENCES machine(id),"
	" class INTEGER NOT NULL, name TEXT NOT NULL,"
	" size INTEGER NOT NULL, arrived INTEGER NOT NULL,"
	" since_head INTEGER NOT NULL, until_head INTEGER,"
	" hash BLOB," /* SHA-256, if that is not its name */
	" PRIMARY KEY (machine, class, name)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX object_since ON object(machine, since_head);"
	/* a recovery point: a head that came with a snapshot */
	"CREATE TABLE point ("
	" machine TEXT NOT NULL REFERENCES machine(id),"
	" head INTEGER NOT NULL, arrived INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL," /* that came since the head before */
	" PRIMARY KEY (machine, head)) STRICT, WITHOUT ROWID;"
	/* when retention was last applied */
	"CREATE TABLE collection (one INTEGER PRIMARY KEY CHECK (one = 1),"
	" time INTEGER NOT NULL) STRICT;"
	/* what was asked for and what became of it; each line's hash covers
	 * the one before */
	"CREATE TABLE audit ("
	" seq INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
	" actor TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,"
	" outcome TEXT NOT NULL, detail TEXT NOT NULL,"
	" hash BLOB NOT NULL) STRICT;"
	"CREATE TRIGGER audit_stays BEFORE DELETE ON audit"
	" BEGIN SELECT RAISE(ABORT, 'append only'); END;"
	"CREATE TRIGGER audit_is BEFORE UPDATE ON audit"
	" BEGIN SELECT RAISE(ABORT, 'append only'); END;";

/* A UUID (RFC 9562, version 4) from within SQL. */
#define NEW_UUID                                                               \
	"lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||"     \
	" substr(hex(randomblob(2)), 2) || '-a' ||"                            \
	" substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"

/* Where vaults are for Azure Resource Manager: vault/arm/. */
static const char resources[] =
	"CREATE TABLE subscription ("
	" id TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL,"
	" created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE resource_group ("
	" subscription TEXT NOT NULL COLLATE NOCASE"
	" REFERENCES subscription(id),"
	" name TEXT NOT NULL COLLATE NOCASE, location TEXT NOT NULL,"
	" tags TEXT NOT NULL, created INTEGER NOT NULL,"
	" PRIMARY KEY (subscription, name)) STRICT, WITHOUT ROWID;"
	"INSERT INTO subscription SELECT " NEW_UUID ", 'Tidemark',"
	" unixepoch();"
	"INSERT INTO resource_group SELECT id, 'tidemark', 'local', '{}',"
	" created FROM subscription;"
	/* version: its etag; principal: its managed identity */
	"CREATE TABLE vault_resource ("
	" vault TEXT PRIMARY KEY REFERENCES vault(id) ON DELETE CASCADE,"
	" subscription TEXT NOT NULL COLLATE NOCASE,"
	" grp TEXT NOT NULL COLLATE NOCASE,"
	" name TEXT NOT NULL COLLATE NOCASE, location TEXT NOT NULL,"
	" tags TEXT NOT NULL, principal TEXT, version INTEGER NOT NULL,"
	" changed INTEGER NOT NULL, integrity BLOB NOT NULL,"
	" UNIQUE (subscription, grp, name),"
	" FOREIGN KEY (subscription, grp)"
	" REFERENCES resource_group(subscription, name))"
	" STRICT, WITHOUT ROWID;"
	"INSERT INTO vault_resource SELECT vault.id, subscription.id,"
	" 'tidemark', vault.name, 'local', '{}', NULL, 1, vault.created,"
	" randomblob(16) FROM vault, subscription;"
	/* when machines that follow a policy back up; bits from Sunday */
	"CREATE TABLE policy_schedule ("
	" policy TEXT PRIMARY KEY REFERENCES policy(id) ON DELETE CASCADE,"
	" weekly INTEGER NOT NULL, days INTEGER NOT NULL,"
	" times TEXT NOT NULL, every INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	/* what a client may ask about after its request was answered */
	"CREATE TABLE operation ("
	" id TEXT PRIMARY KEY, resource TEXT NOT NULL COLLATE NOCASE,"
	" status TEXT NOT NULL, started INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, job TEXT) STRICT, WITHOUT ROWID;"
	"CREATE INDEX operation_ended ON operation(ended);"
	/* what an administrator had done; backups are points */
	"CREATE TABLE job ("
	" id TEXT PRIMARY KEY,"
	" vault TEXT NOT NULL REFERENCES vault(id) ON DELETE CASCADE,"
	" machine TEXT NOT NULL, entity TEXT NOT NULL,"
	" operation TEXT NOT NULL, status TEXT NOT NULL,"
	" started INTEGER NOT NULL, ended INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX job_vault ON job(vault, started);";

/* Alerts, what is still to be sent of them, and what machines use. */
static const char monitoring[] =
	"CREATE TABLE alert ("
	" id INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
	" severity INTEGER NOT NULL, subject TEXT NOT NULL,"
	" first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" count INTEGER NOT NULL, text TEXT NOT NULL, ended INTEGER,"
	" acknowledged INTEGER, acknowledged_by TEXT) STRICT;"
	"CREATE INDEX alert_subject ON alert(kind, subject, last);"
	/* the outbox: a row goes when it was sent, or given up */
	"CREATE TABLE notice ("
	" alert INTEGER NOT NULL REFERENCES alert(id) ON DELETE CASCADE,"
	" channel INTEGER NOT NULL, created INTEGER NOT NULL,"
	" due INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" PRIMARY KEY (alert, channel)) STRICT, WITHOUT ROWID;"
	/* null: what the configuration says; 0: none */
	"CREATE TABLE usage ("
	" machine TEXT PRIMARY KEY REFERENCES machine(id) ON DELETE CASCADE,"
	" bytes INTEGER NOT NULL, objects INTEGER NOT NULL,"
	" quota_bytes INTEGER, quota_objects INTEGER) STRICT, WITHOUT ROWID;"
	"INSERT INTO usage(machine, bytes, objects)"
	" SELECT m.id, COALESCE(SUM(o.size), 0), COUNT(o.size)"
	" FROM machine m LEFT JOIN object o ON o.machine = m.id GROUP BY m.id;"
	/* whoever adds or deletes an object, this is right */
	"CREATE TRIGGER usage_begins AFTER INSERT ON machine"
	" BEGIN INSERT INTO usage(machine, bytes, objects)"
	" VALUES (NEW.id, 0, 0); END;"
	"CREATE TRIGGER usage_grows AFTER INSERT ON object"
	" BEGIN UPDATE usage SET bytes = bytes + NEW.size,"
	" objects = objects + 1 WHERE machine = NEW.machine; END;"
	"CREATE TRIGGER usage_shrinks AFTER DELETE ON object"
	" BEGIN UPDATE usage SET bytes = bytes - OLD.size,"
	" objects = objects - 1 WHERE machine = OLD.machine; END;"
	/* what the watch has seen: its last pass, by both clocks, and of each
	 * machine the newest point that it has looked at */
	"CREATE TABLE watch (one INTEGER PRIMARY KEY CHECK (one = 1),"
	" time INTEGER NOT NULL, boot TEXT NOT NULL,"
	" uptime INTEGER NOT NULL) STRICT;"
	"CREATE TABLE watched (machine TEXT PRIMARY KEY"
	" REFERENCES machine(id) ON DELETE CASCADE,"
	" head INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	/* what an agent says of a recovery point */
	"ALTER TABLE point ADD COLUMN read_bytes INTEGER;"
	/* tokens that may read /metrics: their hashes */
	"CREATE TABLE monitor_token ("
	" hash BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" created INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

/* Who may call, what proves it, and what they may do. */
static const char identity[] =
	"CREATE TABLE tenant (id TEXT PRIMARY KEY,"
	" created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	/* kind: enum principal_kind. A machine's has the machine's id. */
	"CREATE TABLE principal ("
	" id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenant(id),"
	" kind INTEGER NOT NULL, app TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL COLLATE NOCASE,"
	" resource TEXT COLLATE NOCASE UNIQUE," /* whose identity it is */
	" issuer TEXT, subject TEXT,"		/* what others call it */
	" created INTEGER NOT NULL, UNIQUE (issuer, subject))"
	" STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX principal_name ON principal(name)"
	" WHERE kind IN (1, 4);"
	/* kind: enum secret_kind; of a key, its public half */
	"CREATE TABLE secret ("
	" id TEXT PRIMARY KEY,"
	" principal TEXT NOT NULL REFERENCES principal(id) ON DELETE CASCADE,"
	" kind INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, key TEXT,"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX secret_of ON secret(principal);"
	/* Signs until the next comes, is known until it ends. */
	"CREATE TABLE signing_key ("
	" kid TEXT PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL,"
	" ends INTEGER) STRICT, WITHOUT ROWID;"
	/* role: of roles.h; scope: as scope_normal() has it */
	"CREATE TABLE role_assignment ("
	" id TEXT PRIMARY KEY, scope TEXT NOT NULL COLLATE NOCASE,"
	" role TEXT NOT NULL,"
	" principal TEXT NOT NULL REFERENCES principal(id) ON DELETE CASCADE,"
	" type TEXT NOT NULL, description TEXT, created INTEGER NOT NULL,"
	" updated INTEGER NOT NULL, created_by TEXT NOT NULL,"
	" updated_by TEXT NOT NULL, UNIQUE (principal, scope, role))"
	" STRICT, WITHOUT ROWID;";

static const char restoring[] =
	/* who may read what another has stored; machine null: all of a vault */
	"CREATE TABLE reader ("
	" id TEXT PRIMARY KEY, vault TEXT NOT NULL REFERENCES vault(id)"
	" ON DELETE CASCADE,"
	" machine TEXT REFERENCES machine(id) ON DELETE CASCADE,"
	" secret BLOB NOT NULL UNIQUE,"
	" created INTEGER NOT NULL, expires INTEGER NOT NULL,"
	" used INTEGER, revoked INTEGER, name TEXT, key BLOB,"
	" fingerprint BLOB UNIQUE) STRICT, WITHOUT ROWID;"
	"CREATE TABLE reading ("
	" reader TEXT NOT NULL REFERENCES reader(id) ON DELETE CASCADE,"
	" machine TEXT NOT NULL REFERENCES machine(id) ON DELETE CASCADE,"
	" began INTEGER NOT NULL,"
	" PRIMARY KEY (reader, machine)) STRICT, WITHOUT ROWID;"
	/* whom a secret made known: who asks again with the same key has not
	 * heard the answer */
	"ALTER TABLE credential ADD COLUMN machine TEXT"
	" REFERENCES machine(id) ON DELETE SET NULL;"
	"ALTER TABLE credential ADD COLUMN key BLOB;";

/* What is kept against the will of whoever has the right to delete. */
static const char keeping[] =
	/* settings.h */
	"ALTER TABLE vault ADD COLUMN soft_delete INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE vault ADD COLUMN soft_delete_days INTEGER NOT NULL"
	" DEFAULT 14;"
	"ALTER TABLE vault ADD COLUMN immutability INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE vault ADD COLUMN enhanced INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE vault ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE vault ADD COLUMN guarded_until INTEGER NOT NULL DEFAULT 0;"
	/* changes whenever other points may be kept than before */
	"ALTER TABLE vault ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
	/* protection.h */
	"ALTER TABLE machine ADD COLUMN state INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE machine ADD COLUMN state_since INTEGER;"
	"ALTER TABLE machine ADD COLUMN purge_after INTEGER;"
	/* retention.h: what a machine's policy was before it was lowered */
	"CREATE TABLE retention_held ("
	" machine TEXT NOT NULL REFERENCES machine(id),"
	" rules TEXT NOT NULL, until INTEGER NOT NULL,"
	" PRIMARY KEY (machine, rules)) STRICT, WITHOUT ROWID;"
	/* pin.h */
	"CREATE TABLE security_pin ("
	" vault TEXT PRIMARY KEY REFERENCES vault(id) ON DELETE CASCADE,"
	" salt BLOB NOT NULL, hash BLOB NOT NULL, expires INTEGER NOT NULL,"
	" tries INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
	/* what may be deleted once no point needs it */
	"CREATE INDEX object_dropped ON object(machine, until_head, since_head)"
	" WHERE until_head IS NOT NULL;"
	/* scrub.h: objects whose bytes are not what they were */
	"CREATE TABLE damage ("
	" machine TEXT NOT NULL, class INTEGER NOT NULL, name TEXT NOT NULL,"
	" found INTEGER NOT NULL, what TEXT NOT NULL,"
	" PRIMARY KEY (machine, class, name),"
	" FOREIGN KEY (machine, class, name)"
	" REFERENCES object(machine, class, name) ON DELETE CASCADE)"
	" STRICT, WITHOUT ROWID;"
	/* how far it has come: behind this object */
	"CREATE TABLE scrub (one INTEGER PRIMARY KEY CHECK (one = 1),"
	" began INTEGER NOT NULL, ended INTEGER,"
	" machine TEXT NOT NULL, class INTEGER NOT NULL, name TEXT NOT NULL,"
	" objects INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;";

/* What was given on a resource goes with it: whoever makes another one of its
 * name later gave nothing. */
static const char assignments[] =
	"CREATE TRIGGER assignments_of_group AFTER DELETE ON resource_group"
	" BEGIN DELETE FROM role_assignment WHERE instr(lower(scope || '/'),"
	" lower('/subscriptions/' || OLD.subscription || '/resourceGroups/' ||"
	" OLD.name || '/')) = 1; END;"
	"CREATE TRIGGER assignments_of_vault AFTER DELETE ON vault_resource"
	" BEGIN DELETE FROM role_assignment WHERE instr(lower(scope || '/'),"
	" lower('/subscriptions/' || OLD.subscription || '/resourceGroups/' ||"
	" OLD.grp || '/providers/Microsoft.RecoveryServices/vaults/' ||"
	" OLD.name || '/')) = 1; END;";

const char *const schema_steps[SCHEMA_VERSION] = {
	first, resources, monitoring, identity, restoring, keeping, assignments
};
