# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets status, output and lines
#
# vault.bash - a vault for a test, and requests that no agent would make.
#
#	load ../lib/helpers
#	load ../lib/vault

# vault_init [OPTION...]: in $VAULT.
vault_init() {
	VAULT=$T/vault
	vaultd init "$VAULT" --listen 127.0.0.1:0 "$@"
}

vaultd() { "$BUILD/tidemark-vaultd" "$@"; }

# vault_starts [OPTION...]: $URL is where it listens.
vault_starts() {
	: >"$T/vaultd.log"
	"$BUILD/tidemark-vaultd" serve "$VAULT" "$@" >>"$T/vaultd.log" 2>&1 \
		3>&- &
	VAULTD=$!
	BACKGROUND+=("$VAULTD")
	wait_until vault_listens
	URL=https://localhost:$(sed -n 's/.*listens on port //p' "$T/vaultd.log")
}

vault_listens() { grep -q 'listens on port' "$T/vaultd.log"; }

vault_ends() { # [SIGNAL]
	kill "-${1:-TERM}" "$VAULTD"
	wait "$VAULTD" || [ -n "${1:-}" ]
}

# ask PATH [curl option...]: the answer, then a line with its status.
ask() {
	local path=$1
	shift
	curl -sS --cacert "$VAULT/tls/ca.crt" --path-as-is \
		-w '\n%{http_code}\n' "$@" "$URL$path"
}

# ask_as NAME PATH [curl option...]: with that machine's certificate.
ask_as() {
	local name=$1 path=$2
	shift 2
	ask "$path" --cert "$T/$name.crt" --key "$T/$name.key" "$@"
}

# asked STATUS CODE ask...: CODE is the error's, or empty.
asked() {
	local want=$1 code=$2
	shift 2
	run "$@"
	[ "${lines[-1]}" = "$want" ] && [[ $output == *"$code"* ]] && return
	echo "not $want $code: $*"
	echo "$output"
	return 1
}

# register_request NAME [OPTION...]: $T/NAME.json, with new credentials.
register_request() {
	local name=$1
	shift
	openssl ecparam -name prime256v1 -genkey -noout |
		openssl pkcs8 -topk8 -nocrypt -out "$T/$name.key"
	openssl req -new -key "$T/$name.key" -subj /CN=anything \
		-out "$T/$name.csr"
	jq -n --arg secret "$(vaultd credentials "$VAULT" "$@" | jq -r .secret)" \
		--arg name "$name" --rawfile request "$T/$name.csr" \
		'{$secret, $name, $request}' >"$T/$name.json"
}

# machine_registers NAME [OPTION...]: $T/NAME.crt and $T/NAME.key.
machine_registers() {
	register_request "$@"
	ask /v1/register --data-binary "@$T/$1.json" >"$T/$1.answer"
	head -n -1 "$T/$1.answer" | jq -r .certificate >"$T/$1.crt"
	[ "$(tail -n 1 "$T/$1.answer")" = 201 ]
}
