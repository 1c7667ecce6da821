#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# clients.bats - Azure's own clients get tokens of a vault, and give roles.
# slow

# shellcheck disable=SC2030,SC2031 # each test has variables of its own
load ../lib/helpers
load ../lib/vault
load ../lib/identity
load ../lib/clients

setup() {
	tm_setup
	requires jq
	vault_init
	vault_starts
}

@test "ClientSecretCredential" {
	requires_node
	client_env admin
	asked 200 administrator ask_by "$(client admin token.js secret)" \
		/v1/caller
	vaultd identity "$VAULT" secret-remove \
		"$(vaultd identity "$VAULT" secrets administrator --json | jq -r .id)"
	expect 1 node "$TOP/tests/clients/token.js" secret
	output_has invalid_client
	output_has 7000215
}

@test "ClientCertificateCredential" {
	requires_node
	principal bob
	rsa_key bob
	openssl req -x509 -key "$T/bob.pem" -subj /CN=bob -days 2 \
		-out "$T/bob.crt" 2>/dev/null
	cat "$T/bob.pem" "$T/bob.crt" >"$T/both.pem"
	client_env bob
	expect 1 client bob token.js certificate "$T/both.pem"
	output_has 700027
	vaultd identity "$VAULT" secret bob --key "$T/bob.crt"
	asked 200 bob ask_by \
		"$(client bob token.js certificate "$T/both.pem")" /v1/caller
}
