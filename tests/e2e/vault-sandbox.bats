#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vault-sandbox.bats - who a vault's server is, and what it may do.
# shellcheck disable=SC2034,SC2153 # of lib/vault.bash

load ../lib/helpers
load ../lib/vault

setup() {
	tm_setup
	requires curl
	requires openssl
	# who has given root up cannot be looked through for leaks
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
}

# privileges: of each thread of the server, once.
privileges() {
	cat "/proc/$VAULTD/task/"*/status |
		grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb|NoNewPrivs|Seccomp|Umask):' |
		tr -s '\t ' ' ' | sort -u
}

@test "each thread of a server has given up what it does not need" {
	requires_release
	vault_init
	vault_starts
	machine_registers host
	asked 200 host ask_as host /v1/machine
	run privileges
	output_has "CapEff: 0000000000000000"
	output_has "CapPrm: 0000000000000000"
	output_has "NoNewPrivs: 1"
	output_has "Seccomp: 2"
	output_has "Umask: 0077"
	[ "$(grep -c '^Seccomp:\|^CapEff:' <<<"$output")" -eq 2 ]
}

@test "root serves as the vault's owner, and leaves nothing of its own" {
	requires_root
	chmod 711 "$T"
	vault_init --user nobody
	[ "$(stat -c %U "$VAULT")" = nobody ]
	# a command of root's beside the server writes as its owner, too
	vault_starts
	run privileges
	output_has "Uid: $(id -u nobody) $(id -u nobody) $(id -u nobody) "
	output_has "Gid: $(id -g nobody) $(id -g nobody) $(id -g nobody) "
	output_lacks "Groups: 0"
	output_has "CapEff: 0000000000000000"
	machine_registers host
	asked 201 "" ask_as host "/v1/objects/packs/$(sha256sum "$PASS" |
		cut -d' ' -f1)" -T "$PASS"
	vaultd credentials "$VAULT" --output "$T/credentials.json"
	[ "$(stat -c '%U %a' "$T/credentials.json")" = "root 600" ]
	vaultd collect "$VAULT"
	vaultd alerts "$VAULT"
	[ -z "$(find "$VAULT" ! -user nobody)" ]
	vault_ends
	[ -z "$(find "$VAULT" ! -user nobody)" ]
}

@test "a port below 1024 is taken before root is given up" {
	requires_root
	chmod 711 "$T"
	vault_init --user nobody
	sed -i 's/^listen = .*/listen = 127.0.0.9:843/' "$VAULT/vaultd.conf"
	vault_starts
	run privileges
	output_has "CapEff: 0000000000000000"
	[ "$(curl -sS --cacert "$VAULT/tls/ca.crt" --resolve \
		localhost:843:127.0.0.9 https://localhost:843/health)" = \
		'{"status":"ok"}' ]
}

@test "a vault of root's is served, with a word" {
	requires_root
	vault_init
	vault_starts
	grep -q "a user of its own is better" "$T/vaultd.log"
	expect 1 vaultd init "$T/other" --user nobody-at-all
	output_has "there is no user nobody-at-all"
}

# socket CODE: a program that starts the server with descriptor 3.
socket() {
	cat >"$T/activate.py" <<-END
		import os, socket
		s = socket.socket($1)
		s.bind($2)
		$3
		os.dup2(s.fileno(), 3)
		os.set_inheritable(3, True)
		os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
		os.execv("$BUILD/tidemark-vaultd",
		         ["tidemark-vaultd", "serve", "$VAULT"])
	END
	: >"$T/vaultd.log"
	python3 "$T/activate.py" >>"$T/vaultd.log" 2>&1 3>&- &
	VAULTD=$!
	BACKGROUND+=("$VAULTD")
	wait_until vault_listens
	PORT=$(sed -n 's/.*listens on port //p' "$T/vaultd.log")
	URL=https://localhost:$PORT
}

@test "a socket of the service manager is taken, and no other descriptor" {
	requires python3
	vault_init
	socket "" "('127.0.0.1', 0)" "s.listen(10)"
	asked 200 ok ask /health
	vault_ends
	socket "" "('127.0.0.1', 0)" "pass"
	grep -q "no TCP socket that listens" "$T/vaultd.log"
	asked 200 ok ask /health
}

@test "a command runs outside of the sandbox, as long as the server" {
	vault_init
	# shellcheck disable=SC2016 # the command's own variables
	expect 7 vaultd serve "$VAULT" --run bash -c '
		curl -sS --cacert "$0/tls/ca.crt" "$TIDEMARK_VAULT_URL/health"
		grep Seccomp: /proc/self/status
		exit 7' "$VAULT"
	output_has '{"status":"ok"}'
	output_has $'Seccomp:\t0'
	# a server that does not start runs no command
	sed -i 's/^listen = .*/listen = 127.0.0.1:1x/' "$VAULT/vaultd.conf"
	expect 1 vaultd serve "$VAULT" --run touch "$T/ran"
	[ ! -e "$T/ran" ]
}
