# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # helpers.bash sets T and TIDEMARK, vault.bash URL
#
# registered.bash - machines that are registered with a vault.
#
#	load ../lib/helpers
#	load ../lib/vault
#	load ../lib/registered

# vault_made [--clock FILE]: it runs, and its port stays the same when it is
# started again, so that a registration outlives that.
vault_made() {
	vault_init "$@" >/dev/null
	vault_starts "$@"
	sed -i "s/^listen = .*/listen = 127.0.0.1:${URL##*:}/" \
		"$VAULT/vaultd.conf"
}

# credentials FILE [OPTION...]
credentials() {
	local file=$1
	shift
	vaultd credentials "$VAULT" --output "$file" --url "$URL" "$@"
}

# registered [NAME]: the test's repository is this machine's, in the vault.
registered() {
	credentials "$T/credentials"
	"$TIDEMARK" register -q --vault-credentials "$T/credentials" \
		--name "${1:-fileserver}" --directory "$T/registration"
	REPO=vault:$T/registration
}
