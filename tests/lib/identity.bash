# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets status, output and lines
#
# identity.bash - principals, tokens, and tokens that nobody should believe.
#
#	load ../lib/helpers
#	load ../lib/vault
#	load ../lib/identity

# admin FIELD: of the first administrator, e.g. appId, password, tenant.
admin() { jq -r ".$1" "$VAULT/administrator.json"; }

# principal NAME: made, with a secret; $T/NAME.sp is as administrator.json.
principal() {
	vaultd identity "$VAULT" add "$1" >/dev/null
	vaultd identity "$VAULT" secret "$1" --json "${@:2}" >"$T/$1.sp"
}

sp() { jq -r ".$2" "$T/$1.sp"; } # NAME FIELD

# token_request APP SECRET [curl option...]: for this vault, by v2.
token_request() {
	ask "/$(admin tenant)/oauth2/v2.0/token" -d grant_type=client_credentials \
		-d "client_id=$1" --data-urlencode "client_secret=$2" \
		--data-urlencode "scope=$URL/.default" "${@:3}"
}

# token_of NAME: what it gets; NAME is "admin" or principal's.
token_of() {
	local app secret
	if [ "$1" = admin ]; then
		app=$(admin appId) secret=$(admin password)
	else
		app=$(sp "$1" appId) secret=$(sp "$1" password)
	fi
	token_request "$app" "$secret" | head -n -1 | jq -r .access_token
}

# ask_by TOKEN PATH [curl option...]
ask_by() { ask "$2" -H "Authorization: Bearer $1" "${@:3}"; }

b64url() { openssl base64 -A | tr '+/' '-_' | tr -d =; }
unb64url() { tr -- '-_' '+/' | sed 's/$/==/' | base64 -di 2>/dev/null; }

# claims_of TOKEN, header_of TOKEN: JSON.
claims_of() { cut -d. -f2 <<<"$1" | unb64url; }
header_of() { cut -d. -f1 <<<"$1" | unb64url; }

# forge ALG KEYFILE HEADER CLAIMS: a token. ALG RS256, ES256, HS256 (KEYFILE's
# bytes are the secret) or none.
forge() {
	local text signature
	text=$(printf %s "$3" | b64url).$(printf %s "$4" | b64url)
	case $1 in
	RS256) signature=$(printf %s "$text" |
		openssl dgst -sha256 -sign "$2" -binary | b64url) ;;
	HS256) signature=$(printf %s "$text" | openssl dgst -sha256 -mac HMAC \
		-macopt "hexkey:$(od -An -tx1 -v <"$2" | tr -d ' \n')" -binary |
		b64url) ;;
	ES256) signature=$(printf %s "$text" |
		openssl dgst -sha256 -sign "$2" -binary | es_raw | b64url) ;;
	none) signature= ;;
	esac
	printf '%s.%s\n' "$text" "$signature"
}

# From DER to the 64 bytes of JWS.
es_raw() {
	openssl asn1parse -inform DER | sed -n 's/.*INTEGER *://p' | tail -n 2 |
		while read -r n; do printf '%64s' "$n" | tr ' ' 0 | tail -c 64; done |
		basenc --base16 -d
}

# rsa_key NAME: $T/NAME.pem and $T/NAME.pub.
rsa_key() {
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
		-out "$T/$1.pem"
	openssl pkey -in "$T/$1.pem" -pubout -out "$T/$1.pub"
}

# jwks_of NAME KID: its public key as a set.
jwks_of() {
	local n
	n=$(openssl rsa -in "$T/$1.pem" -noout -modulus | cut -d= -f2 |
		basenc --base16 -d | b64url)
	jq -n --arg n "$n" --arg kid "$2" '{keys: [{kty: "RSA", use: "sig",
		alg: "RS256", e: "AQAB", $n, $kid}]}'
}
