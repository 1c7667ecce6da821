# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# clients.bash - Azure's own clients, pointed at a test's vault.
#
#	load ../lib/helpers
#	load ../lib/vault
#	load ../lib/identity
#	load ../lib/clients
#
# The npm packages of tests/clients/package.json are installed once, into
# build/clients. az is Debian's, whose library for roles is another than it was
# written for: that of tests/clients/requirements.txt is put before it.

CLIENTS=$TOP/build/clients

requires_node() {
	requires node
	requires npm
	mkdir -p "$CLIENTS"
	(
		flock 9
		cmp -s "$TOP/tests/clients/package-lock.json" \
			"$CLIENTS/node_modules/.done" && exit
		cp "$TOP"/tests/clients/package*.json "$CLIENTS/"
		cd "$CLIENTS" || exit
		HOME=$CLIENTS/home timeout 300 npm ci --no-audit --no-fund \
			--ignore-scripts --loglevel=error >&2 &&
			cp package-lock.json node_modules/.done
	) 9>"$CLIENTS/lock" || skip "npm cannot install its packages here"
}

requires_az() {
	requires az
	requires pip3
	mkdir -p "$CLIENTS"
	(
		flock 9
		cmp -s "$TOP/tests/clients/requirements.txt" \
			"$CLIENTS/python/.done" && exit
		rm -rf "$CLIENTS/python"
		HOME=$CLIENTS/home timeout 300 pip3 install -q --no-deps \
			--disable-pip-version-check --require-hashes \
			--root-user-action ignore --target "$CLIENTS/python" \
			-r "$TOP/tests/clients/requirements.txt" >&2 || exit
		echo "__path__ = __import__('pkgutil')" \
			".extend_path(__path__, __name__)" |
			tee "$CLIENTS/python/azure/__init__.py" \
				>"$CLIENTS/python/azure/mgmt/__init__.py"
		cp "$TOP/tests/clients/requirements.txt" "$CLIENTS/python/.done"
	) 9>"$CLIENTS/lock" || skip "pip cannot install its packages here"
}

# client_env NAME: who asks from now on; "admin", or principal's.
client_env() {
	local of=$VAULT/administrator.json
	[ "$1" = admin ] || of=$T/$1.sp
	export TIDEMARK_VAULT_URL=$URL
	AZURE_TENANT_ID=$(jq -r .tenant "$of")
	AZURE_CLIENT_ID=$(jq -r .appId "$of")
	AZURE_CLIENT_SECRET=$(jq -r .password "$of")
	AZURE_OBJECT_ID=$(jq -r .objectId "$of")
	AZURE_SUBSCRIPTION_ID=$(ask_by "$(token_of admin)" \
		'/subscriptions?api-version=2022-12-01' | head -n -1 |
		jq -r '.value[0].subscriptionId')
	export AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET
	export AZURE_OBJECT_ID AZURE_SUBSCRIPTION_ID
	export NODE_EXTRA_CA_CERTS=$VAULT/tls/ca.crt
	export NODE_PATH=$CLIENTS/node_modules:$TOP/tests/clients
}

# client NAME SCRIPT [WORD...]: as that principal; SCRIPT is in tests/clients.
client() {
	client_env "$1"
	timeout 120 node "$TOP/tests/clients/$2" "${@:3}"
}

# az_registers NAME: az knows the vault as its cloud, and is NAME there.
# As an authority of ADFS it need not ask a server of Microsoft's about us.
az_registers() {
	requires_az
	client_env "$1"
	export PYTHONPATH=$CLIENTS/python
	export AZURE_CONFIG_DIR=$T/azure AZURE_CORE_COLLECT_TELEMETRY=no
	export AZURE_CORE_NO_COLOR=yes AZURE_CORE_SURVEY_MESSAGE=no
	export REQUESTS_CA_BUNDLE=$VAULT/tls/ca.crt
	az cloud register -n vault --endpoint-resource-manager "$URL" \
		--endpoint-active-directory "$URL/adfs" \
		--endpoint-active-directory-resource-id "$URL/" \
		--endpoint-active-directory-graph-resource-id "$URL/" \
		--endpoint-management "$URL/" \
		--suffix-keyvault-dns .vault.test --only-show-errors
	az cloud set -n vault --only-show-errors >/dev/null
	timeout 120 az login --service-principal --tenant "$AZURE_TENANT_ID" \
		-u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" \
		--only-show-errors
}
