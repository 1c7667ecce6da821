#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# identity.bats - who gets a token of a vault, and which tokens it believes.
# not tsan

# shellcheck disable=SC2030,SC2031 # each test has variables of its own
load ../lib/helpers
load ../lib/vault
load ../lib/identity

setup() {
	tm_setup
	requires curl
	requires openssl
	requires jq
}

clock() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ >"$T/clock"; }

# A vault with a clock, and a token that it believes in $TOKEN.
with_token() {
	vault_init
	clock now
	vault_starts --clock "$T/clock"
	TOKEN=$(token_of admin)
	asked 200 administrator ask_by "$TOKEN" /v1/caller
}

@test "init makes an administrator, whose secret is in one file" {
	vault_init
	[ "$(stat -c %a "$VAULT/administrator.json")" = 600 ]
	[ "$(find "$VAULT/identity" -name '*.key' -perm 600 | wc -l)" = 1 ]
	! grep -rqF "$(admin password)" "$VAULT/vault.db" || false
	run vaultd role "$VAULT" list
	output_has Owner
	vault_starts
	TOKEN=$(token_of admin)
	asked 200 "$(admin objectId)" ask_by "$TOKEN" /v1/caller
	claims_of "$TOKEN" | jq -e --arg t "$(admin tenant)" --arg u "$URL" \
		--arg o "$(admin objectId)" '.tid == $t and .aud == $u and
		.iss == ($u + "/" + $t + "/") and .oid == $o and .sub == $o and
		.ver == "1.0" and .exp - .iat == 3600'
}

@test "no token, no answer" {
	vault_init
	vault_starts
	asked 401 AuthenticationFailed ask /v1/caller -D "$T/headers"
	grep -i "^www-authenticate: Bearer authorization_uri=\"$URL/" \
		"$T/headers"
	asked 401 AuthenticationFailed ask /v1/caller -H 'Authorization: Basic eA=='
	local token
	for token in '' . .. ... a.b a.b.c "$(printf x | b64url).e30.AA" \
		"$(head -c 15K /dev/zero | tr '\0' a).e30.AA"; do
		asked 401 InvalidAuthenticationToken ask_by "$token" /v1/caller
	done
	# more than a head may have in all
	run ask_by "$(head -c 40K /dev/zero | tr '\0' a)" /v1/caller
	[[ ${lines[-1]} = 4* ]]
}

@test "a token is good for an hour, and for this vault alone" {
	with_token
	clock '+1 hour +4 minutes'
	asked 200 administrator ask_by "$TOKEN" /v1/caller
	clock '+1 hour +6 minutes'
	asked 401 ExpiredAuthenticationToken ask_by "$TOKEN" /v1/caller
	# made an hour from now
	clock '+1 hour'
	TOKEN=$(token_of admin)
	clock now
	asked 401 "not valid before" ask_by "$TOKEN" /v1/caller
	# for another audience of Azure's
	TOKEN=$(token_request "$(admin appId)" "$(admin password)" \
		--data-urlencode scope=https://vault.azure.net/.default |
		head -n -1 | jq -r '.access_token // empty')
	[ -z "$TOKEN" ] # scope twice
	TOKEN=$(ask "/$(admin tenant)/oauth2/token" \
		-d grant_type=client_credentials -d "client_id=$(admin appId)" \
		--data-urlencode "client_secret=$(admin password)" \
		--data-urlencode resource=https://vault.azure.net |
		head -n -1 | jq -r .access_token)
	asked 401 InvalidAuthenticationTokenAudience ask_by "$TOKEN" /v1/caller
	# of another vault, with its own keys
	TOKEN=$(token_of admin)
	vault_ends
	mv "$VAULT" "$T/first"
	vault_init
	vault_starts
	asked 401 InvalidAuthenticationTokenTenant ask_by "$TOKEN" /v1/caller
}

@test "forged tokens" {
	with_token
	local header claims kid token
	header=$(header_of "$TOKEN") claims=$(claims_of "$TOKEN")
	kid=$(jq -r .kid <<<"$header")
	rsa_key mallory
	# signed by another key under the right name
	asked 401 InvalidAuthenticationToken ask_by \
		"$(forge RS256 "$T/mallory.pem" "$header" "$claims")" /v1/caller
	# by none
	for alg in none None NONE ''; do
		asked 401 InvalidAuthenticationToken ask_by \
			"$(forge none - "{\"alg\":\"$alg\",\"kid\":\"$kid\"}" \
				"$claims")" /v1/caller
	done
	# with the public key for a shared secret, in each form that it has
	ask "/$(admin tenant)/discovery/v2.0/keys" | head -n -1 >"$T/jwks"
	jq -r '.keys[0].n' "$T/jwks" | unb64url >"$T/n"
	sqlite_key "$kid" >"$T/vault.pub"
	openssl pkey -pubin -in "$T/vault.pub" -outform DER -out "$T/vault.der"
	for file in n vault.pub vault.der jwks; do
		asked 401 InvalidAuthenticationToken ask_by \
			"$(forge HS256 "$T/$file" \
				"{\"alg\":\"HS256\",\"kid\":\"$kid\"}" \
				"$claims")" /v1/caller
	done
	# a key that the token brings itself, or names the place of
	token=$(jq -c --argjson k "$(jwks_of mallory x | jq .keys[0])" \
		'. + {jwk: $k}' <<<"$header")
	asked 401 InvalidAuthenticationToken ask_by \
		"$(forge RS256 "$T/mallory.pem" "$token" "$claims")" /v1/caller
	token=$(jq -c '. + {jku: "https://mallory.example/jwks"}' <<<"$header")
	asked 401 InvalidAuthenticationToken ask_by \
		"$(forge RS256 "$T/mallory.pem" "$token" "$claims")" /v1/caller
	# names of keys that are none
	for kid in ../../../../tmp/mallory '' "' OR 1=1 --" \
		"../tls/ca" "$(printf 'x%.0s' {1..300})"; do
		token=$(jq -nc --arg kid "$kid" '{alg: "RS256", $kid}')
		asked 401 InvalidAuthenticationToken ask_by \
			"$(forge RS256 "$T/mallory.pem" "$token" "$claims")" \
			/v1/caller
	done
	# the right signature for other claims
	token=$(jq -c '.oid = "00000000-0000-0000-0000-000000000000"' \
		<<<"$claims" | b64url)
	asked 401 InvalidAuthenticationToken ask_by \
		"$(cut -d. -f1 <<<"$TOKEN").$token.$(cut -d. -f3 <<<"$TOKEN")" \
		/v1/caller
	asked 200 administrator ask_by "$TOKEN" /v1/caller
}

# The public half, as PEM.
sqlite_key() {
	openssl pkey -in "$VAULT/identity/$1.key" -pubout
}

# Even whoever has the key makes no token that says what may not be.
@test "claims that are wrong, under the right signature" {
	with_token
	local header claims key
	header=$(header_of "$TOKEN") claims=$(claims_of "$TOKEN")
	key=$VAULT/identity/$(jq -r .kid <<<"$header").key
	asked 200 administrator ask_by \
		"$(forge RS256 "$key" "$header" "$claims")" /v1/caller
	for change in 'del(.exp)' '.exp = "9999999999"' '.exp = -1' '.iss = 1' \
		'del(.iss)' '.oid = null' 'del(.oid)' '.oid = "x"'; do
		asked 401 InvalidAuthenticationToken ask_by "$(forge RS256 \
			"$key" "$header" "$(jq -c "$change" <<<"$claims")")" \
			/v1/caller
	done
	asked 401 InvalidAuthenticationTokenTenant ask_by "$(forge RS256 "$key" \
		"$header" "$(jq -c '.tid = "72f988bf-86f1-41af-91ab-2d7cd011db47"' \
			<<<"$claims")")" /v1/caller
	asked 401 InvalidAuthenticationTokenTenant ask_by "$(forge RS256 "$key" \
		"$header" "$(jq -c '.iss = "https://sts.windows.net/x/"' \
			<<<"$claims")")" /v1/caller
	for change in '.aud = "https://graph.microsoft.com"' 'del(.aud)' \
		'.aud = "https://localhost.example"' '.aud = ""'; do
		asked 401 InvalidAuthenticationTokenAudience ask_by \
			"$(forge RS256 "$key" "$header" \
				"$(jq -c "$change" <<<"$claims")")" /v1/caller
	done
	asked 401 InvalidAuthenticationToken ask_by "$(forge RS256 "$key" \
		"$header" '[1]')" /v1/caller
}

@test "whoever is removed is out at once" {
	with_token
	principal bob
	local token
	token=$(token_of bob)
	asked 200 bob ask_by "$token" /v1/caller
	vaultd identity "$VAULT" remove bob
	asked 401 "not known here" ask_by "$token" /v1/caller
	asked 400 700016 token_request "$(sp bob appId)" "$(sp bob password)"
	run vaultd audit "$VAULT"
	output_has principal/delete
}

@test "secrets: a new one comes before the old one goes" {
	with_token
	principal bob --days 10
	local old
	old=$(sp bob password)
	vaultd identity "$VAULT" secret bob --json >"$T/bob2"
	asked 200 access_token token_request "$(sp bob appId)" "$old"
	asked 200 access_token token_request "$(sp bob appId)" \
		"$(jq -r .password "$T/bob2")"
	vaultd identity "$VAULT" secret-remove "$(sp bob id)"
	asked 401 7000215 token_request "$(sp bob appId)" "$old"
	principal carol --days 10
	clock '+11 days'
	asked 401 7000222 token_request "$(sp carol appId)" \
		"$(sp carol password)"
	# nor is it another's
	asked 401 7000215 token_request "$(sp bob appId)" "$(sp carol password)"
}

@test "requests for tokens that are no good" {
	with_token
	local path id secret
	path=/$(admin tenant)/oauth2/v2.0/token
	id=client_id=$(admin appId) secret=client_secret=$(admin password)
	local grant=grant_type=client_credentials
	local scope=scope=$URL/.default
	asked 400 900144 ask "$path" -d "$id"
	asked 400 70003 ask "$path" -d grant_type=password -d "$id"
	asked 400 900144 ask "$path" -d "$grant"
	asked 401 7000218 ask "$path" -d "$grant" -d "$id" -d "$scope"
	asked 400 900144 ask "$path" -d "$grant" -d "$id" -d "$secret"
	asked 400 1002012 ask "$path" -d "$grant" -d "$id" -d "$secret" \
		-d "scope=$URL"
	asked 400 500011 ask "$path" -d "$grant" -d "$id" -d "$secret" \
		-d "scope=https://graph.microsoft.com/.default"
	asked 400 1002012 ask "$path" -d "$grant" -d "$id" -d "$secret" \
		-d "scope=/.default"
	asked 400 twice ask "$path" -d "$grant" -d "$id" -d "$id" -d "$secret"
	asked 400 "no form" ask "$path" -d 'grant_type=%zz'
	asked 400 90002 ask /common/oauth2/v2.0/token -d "$grant" -d "$id" \
		-d "$secret" -d "$scope"
	head -c 40K /dev/zero >"$T/long"
	asked 413 RequestTooLarge ask "$path" --data-binary "@$T/long" \
		-H 'Expect: 100-continue'
	asked 405 MethodNotAllowed ask "$path"
	# what libraries send beside it is passed over; a slash stays
	asked 200 access_token ask "$path?client-request-id=1" -d "$grant" \
		-d "$id" -d "$secret" -d "scope=$URL//.default" \
		-d x-client-SKU=msal.js -d 'claims={}' -d client_info=1
	claims_of "$(head -n 1 <<<"$output" | jq -r .access_token)" |
		jq -e --arg u "$URL/" '.aud == $u'
	# version 1 says numbers as strings
	asked 200 '"expires_on":"' ask "/$(admin tenant)/oauth2/token" \
		-d "$grant" -d "$id" -d "$secret" -d "resource=$URL"
}

@test "wrong secrets are counted, and an address has to wait" {
	with_token
	local i
	for i in {1..20}; do
		asked 401 7000215 token_request "$(admin appId)" "wrong$i"
	done
	asked 429 50053 token_request "$(admin appId)" "$(admin password)" \
		-D "$T/headers"
	grep -i '^retry-after: ' "$T/headers"
	# no more lines are written for it
	[ "$(vaultd audit "$VAULT" | grep -c 'refused .*token/issue')" = 20 ]
	! vaultd audit "$VAULT" | grep -F wrong1 || false
	# who has a token already is not concerned
	asked 200 administrator ask_by "$TOKEN" /v1/caller
}

@test "keys that sign are followed by others" {
	with_token
	local path
	path=/$(admin tenant)/discovery/v2.0/keys
	vaultd identity "$VAULT" rotate-keys
	local token
	token=$(token_of admin)
	[ "$(header_of "$token" | jq -r .kid)" != \
		"$(header_of "$TOKEN" | jq -r .kid)" ]
	asked 200 administrator ask_by "$token" /v1/caller
	asked 200 administrator ask_by "$TOKEN" /v1/caller
	[ "$(ask "$path" | head -n -1 | jq '.keys | length')" = 2 ]
	# when no token of the old one can be good any more
	clock '+2 hours'
	[ "$(ask "$path" | head -n -1 | jq '.keys | length')" = 1 ]
	vaultd identity "$VAULT" rotate-keys --at-once --clock "$T/clock"
	token=$(token_of admin)
	asked 200 administrator ask_by "$token" /v1/caller
	[ "$(find "$VAULT/identity" -name '*.key' | wc -l)" -le 2 ]
	# after three months by itself
	clock '+100 days'
	[ "$(header_of "$(token_of admin)" | jq -r .kid)" != \
		"$(header_of "$token" | jq -r .kid)" ]
}

@test "a key that leaked is taken away at once" {
	with_token
	vaultd identity "$VAULT" rotate-keys --at-once
	asked 401 "signature is invalid" ask_by "$TOKEN" /v1/caller
	asked 200 administrator ask_by "$(token_of admin)" /v1/caller
}

@test "ES256, if the vault is configured so" {
	vault_init
	printf '[identity]\nalgorithm = ES256\n' >>"$VAULT/vaultd.conf"
	vaultd identity "$VAULT" rotate-keys --at-once
	vault_starts
	TOKEN=$(token_of admin)
	[ "$(header_of "$TOKEN" | jq -r .alg)" = ES256 ]
	asked 200 administrator ask_by "$TOKEN" /v1/caller
}

# assertion NAME CLAIMS: for bob, by the key $T/NAME.pem.
assertion() {
	ask "/$(admin tenant)/oauth2/v2.0/token" \
		-d grant_type=client_credentials -d "client_id=$(sp bob appId)" \
		-d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
		--data-urlencode "scope=$URL/.default" -d "client_assertion=$(
			forge RS256 "$T/$1.pem" '{"alg":"RS256","typ":"JWT"}' "$2"
		)"
}

@test "a client proves itself by a key instead of a secret" {
	with_token
	principal bob
	rsa_key bob
	rsa_key mallory
	openssl req -x509 -key "$T/bob.pem" -subj /CN=bob -days 2 \
		-out "$T/bob.crt" 2>/dev/null
	vaultd identity "$VAULT" secret bob --key "$T/bob.crt"
	local now claims app
	now=$(date +%s) app=$(sp bob appId)
	claims=$(jq -nc --arg app "$app" --argjson now "$now" \
		--arg aud "$URL/$(admin tenant)/oauth2/v2.0/token" \
		'{iss: $app, sub: $app, $aud, nbf: $now, exp: ($now + 600),
		jti: "1"}')
	asked 200 access_token assertion bob "$claims"
	claims_of "$(head -n 1 <<<"$output" | jq -r .access_token)" |
		jq -e '.appidacr == "2"'
	asked 401 700027 assertion mallory "$claims"
	asked 401 700027 assertion bob \
		"$(jq -c --arg a "$(admin appId)" '.sub = $a' <<<"$claims")"
	asked 401 700027 assertion bob \
		"$(jq -c '.aud = "https://login.microsoftonline.com/x"' \
			<<<"$claims")"
	asked 401 700024 assertion bob "$(jq -c '.exp -= 1200' <<<"$claims")"
	asked 401 700024 assertion bob "$(jq -c '.exp += 86400' <<<"$claims")"
	asked 401 700027 assertion bob "$(jq -c 'del(.exp)' <<<"$claims")"
	# the certificate's end is the key's
	clock '+3 days'
	asked 401 700027 assertion bob "$claims"
}

@test "machines get tokens by their certificates, others by nothing" {
	with_token
	local path="/metadata/identity/oauth2/token?api-version=2018-02-01"
	path+="&resource=$URL"
	machine_registers host
	asked 400 "metadata header" ask_as host "$path"
	asked 401 "not known" ask "$path" -H Metadata:true
	asked 401 "not known" ask "$path" -H Metadata:true \
		-H X-Forwarded-For:127.0.0.1
	asked 200 '"expires_on":"' ask_as host "$path" -H Metadata:true
	TOKEN=$(head -n 1 <<<"$output" | jq -r .access_token)
	asked 200 host ask_by "$TOKEN" /v1/caller
	asked 400 "Identity not found" ask_as host \
		"$path&client_id=$(admin appId)" -H Metadata:true
	asked 400 AADSTS50001 ask_as host \
		"${path%%&*}&resource=https://example.com" -H Metadata:true
	asked 400 api-version ask_as host "/metadata/identity/oauth2/token/" \
		-H Metadata:true
	vaultd unregister "$VAULT" "$(vaultd machines "$VAULT" --json |
		jq -r .machine)"
	asked 401 "not known" ask_by "$TOKEN" /v1/caller
	asked 401 "not known" ask_as host "$path" -H Metadata:true
}

# outside KID CLAIMS: a token of the other issuer, whose key is $T/other.pem.
outside() {
	forge RS256 "$T/other.pem" "{\"alg\":\"RS256\",\"kid\":\"$1\"}" "$2"
}

@test "another issuer is believed for those whom an administrator has named" {
	vault_init
	rsa_key other
	jwks_of other first >"$T/jwks.json"
	cat >>"$VAULT/vaultd.conf" <<-END
		[issuer keycloak]
		issuer = https://sso.example/realms/it
		jwks = $T/jwks.json
		audience = tidemark
	END
	vaultd identity "$VAULT" add anna --issuer keycloak --subject f:1:anna
	vault_starts
	local now claims
	now=$(date +%s)
	claims=$(jq -nc --argjson now "$now" '{iat: $now, exp: ($now + 300),
		iss: "https://sso.example/realms/it", aud: ["account", "tidemark"],
		sub: "f:1:anna"}')
	asked 200 anna ask_by "$(outside first "$claims")" /v1/caller
	asked 401 "not known here" ask_by "$(outside first \
		"$(jq -c '.sub = "f:1:bob"' <<<"$claims")")" /v1/caller
	# its oid is not what was configured, nor is the id that anna has here
	asked 401 "not known here" ask_by "$(outside first "$(jq -c \
		--arg o "$(admin objectId)" '.sub = $o | .oid = $o' \
		<<<"$claims")")" /v1/caller
	asked 401 Audience ask_by "$(outside first \
		"$(jq -c --arg u "$URL" '.aud = $u' <<<"$claims")")" /v1/caller
	asked 401 Expired ask_by "$(outside first \
		"$(jq -c '.exp -= 900' <<<"$claims")")" /v1/caller
	# it cannot speak for this vault
	asked 401 "signature is invalid" ask_by "$(outside first "$(jq -c \
		--arg i "$URL/$(admin tenant)/" '.iss = $i' <<<"$claims")")" \
		/v1/caller
	asked 401 Tenant ask_by "$(outside first \
		"$(jq -c '.iss += "2"' <<<"$claims")")" /v1/caller
	# anna goes
	local token
	token=$(outside first "$claims")
	vaultd identity "$VAULT" remove anna
	asked 401 "not known here" ask_by "$token" /v1/caller
}

# Each is an issuer as any other for the other one.
@test "keys of another issuer come by https, and are fetched when it rotates" {
	vault_init
	vault_starts
	local first=$VAULT other_url=$URL token tenant id old
	tenant=$(admin tenant) id=$(admin objectId)
	token=$(token_of admin)
	old=$token
	mv "$T/vaultd.log" "$T/first.log"
	VAULT=$T/second
	vaultd init "$VAULT" --listen 127.0.0.1:0 >/dev/null
	cat >>"$VAULT/vaultd.conf" <<-END
		[issuer first]
		issuer = $other_url/$tenant/
		jwks = $other_url/$tenant/discovery/v2.0/keys
		authority = $first/tls/ca.crt
		audience = $other_url
		tenant = $tenant
		subject-claim = oid
	END
	vaultd identity "$VAULT" add elsewhere --issuer first --subject "$id"
	# it is believed for what was named, with the keys that it has then
	vaultd identity "$first" rotate-keys
	vault_starts
	asked 200 elsewhere ask_by "$token" /v1/caller
	# a key that comes now is not asked for within a minute
	vaultd identity "$first" rotate-keys
	token=$(VAULT=$first URL=$other_url token_of admin)
	asked 401 "signature is invalid" ask_by "$token" /v1/caller
	asked 200 elsewhere ask_by "$old" /v1/caller
	# whoever has its name, and not its certificate, has no keys for us
	vault_ends
	sed -i "s|^authority = .*|authority = $VAULT/tls/ca.crt|" \
		"$VAULT/vaultd.conf"
	vault_starts
	asked 401 "signature is invalid" ask_by "$old" /v1/caller
	grep -q "get $other_url" "$T/vaultd.log"
	vault_ends
	sed -i "s|^authority = .*|authority = $first/tls/ca.crt|" \
		"$VAULT/vaultd.conf"
	vault_starts
	asked 200 elsewhere ask_by "$token" /v1/caller
}

@test "what identity and role do not take" {
	vault_init
	expect 2 vaultd identity "$VAULT"
	expect 2 vaultd identity "$VAULT" nothing
	expect 2 vaultd role "$VAULT" assign administrator
	expect 1 vaultd identity "$VAULT" add ../x
	output_has "no name"
	expect 1 vaultd identity "$VAULT" add administrator
	output_has "already"
	expect 1 vaultd identity "$VAULT" secret nobody
	output_has "nobody here"
	expect 2 vaultd identity "$VAULT" secret administrator --days 0
	expect 1 vaultd identity "$VAULT" add x --issuer none --subject y
	output_has "no [issuer none]"
	expect 1 vaultd role "$VAULT" assign administrator Emperor
	output_has "no role"
	expect 1 vaultd role "$VAULT" assign administrator Reader --scope x
	output_has "no scope"
	printf '[issuer a]\nissuer = https://x\n' >>"$VAULT/vaultd.conf"
	expect 1 vaultd identity "$VAULT" list
	output_has "needs issuer, jwks and audience"
}
