#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vault-notify.bats - alerts by mail and to a webhook, whatever the network
# does meanwhile.
# shellcheck disable=SC2030,SC2031 # each test is a subshell of its own

load ../lib/helpers
load ../lib/vault

setup() {
	tm_setup
	requires curl
	requires openssl
	requires python3
}

# receiver_starts: on $SMTPS, $SMTP and $HTTPS, with the vault's certificate.
receiver_starts() {
	mkdir -p "$T/in"
	rm -f "$T/in/ports"
	echo 'p.ss word' >"$T/in/password"
	python3 "$TOP/tests/lib/receiver.py" "$T/in" \
		"$VAULT/tls/server.crt" "$VAULT/tls/server.key" 3>&- &
	RECEIVER=$!
	BACKGROUND+=("$RECEIVER")
	wait_until [ -e "$T/in/ports" ]
	read -r SMTPS SMTP HTTPS <"$T/in/ports"
}

# by_mail URL [LINE...]
by_mail() {
	local url=$1
	shift
	printf '%s\n' '[alerts]' "mail = $url" 'mail-from = vault@example.org' \
		'mail-to = one@example.org' 'mail-to = two@example.org' \
		'mail-user = vault' "mail-password-file = $T/in/password" \
		"mail-authority = $VAULT/tls/ca.crt" "$@" \
		>>"$VAULT/vaultd.conf"
}

by_webhook() {
	printf '%s\n' '[alerts]' "webhook = https://localhost:$HTTPS/hook" \
		"webhook-secret-file = $T/secret" \
		"webhook-authority = $VAULT/tls/ca.crt" "$@" \
		>>"$VAULT/vaultd.conf"
	echo 'a secret' >"$T/secret"
}

# shorter: an alert, of severity 0.
shorter() { vaultd policy "$VAULT" daily=9; }

waiting() { # CHANNEL
	ask /metrics -H "Authorization: Bearer $TOKEN" |
		sed -n "s/^tidemark_vault_notices_waiting{channel=\"$1\"} //p"
}

nothing_waits() { [ "$(waiting mail) $(waiting webhook)" = "0 0" ]; }

@test "an alert is a mail" {
	vault_init
	receiver_starts
	by_mail "smtps://localhost:$SMTPS"
	vault_starts
	shorter
	wait_until [ -e "$T/in/mail.1" ]
	run cat "$T/in/mail.1"
	output_has "Subject: [tidemark] severity 0: policy-shortened"
	output_has "To: one@example.org,"
	output_has "two@example.org"
	output_has "policy default keeps is less than before: daily=9"
	# a message of mail: CRLF, a date, nothing that is not known twice
	! grep -qv $'\r$' "$T/in/mail.1" || false
	[ "$(grep -c '^Message-ID: <alert-1\.' "$T/in/mail.1")" -eq 1 ]
	[ "$(grep -c '^Date: .* +0000' "$T/in/mail.1")" -eq 1 ]
	! grep -rq "p.ss word" "$VAULT" "$T/vaultd.log" || false
	[ ! -e "$T/in/post.1" ]
}

@test "by STARTTLS, too, and never without TLS" {
	vault_init
	receiver_starts
	by_mail "smtp://localhost:$SMTP"
	vault_starts
	shorter
	wait_until [ -e "$T/in/mail.1" ]
	vault_ends
	# a certificate of nobody's is not taken
	sed -i '/^mail-authority/d' "$VAULT/vaultd.conf"
	vault_starts
	vaultd acknowledge "$VAULT" 1
	vaultd policy "$VAULT" daily=8
	wait_until grep -q "could not be sent by mail" "$T/vaultd.log"
	[ ! -e "$T/in/mail.2" ]
}

@test "an alert is a POST that the vault has signed" {
	vault_init
	receiver_starts
	by_webhook
	vault_starts
	shorter
	wait_until [ -e "$T/in/post.1" ]
	[ "$(jq -r '"\(.kind) \(.severity) \(.message_type)"' "$T/in/post.1")" = \
		"policy-shortened 0 alert" ]
	local signature time mac
	signature=$(tr -d '\r' <"$T/in/post.1.headers" |
		sed -n 's/^[Tt]idemark-[Ss]ignature: //p')
	time=${signature#t=} time=${time%%,*} mac=${signature#*sha256=}
	[ "$mac" = "$( (printf '%s.' "$time"; cat "$T/in/post.1") |
		openssl dgst -sha256 -hmac 'a secret' | sed 's/.*= //')" ]
	grep -qi '^content-type: application/json' "$T/in/post.1.headers"
}

@test "what is not taken is sent later, also after a restart" {
	vault_init
	date -u +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	receiver_starts
	by_webhook
	: >"$T/in/refuse"
	vault_starts --clock "$T/clock"
	vaultd policy "$VAULT" daily=9 --clock "$T/clock"
	wait_until [ -e "$T/in/refused" ]
	wait_until grep -q "could not be sent to the webhook" "$T/vaultd.log"
	vault_ends KILL
	rm "$T/in/refuse"
	vault_starts --clock "$T/clock"
	TOKEN=$(vaultd monitor-token "$VAULT" me)
	# not before its time
	[ "$(waiting webhook)" -ge 1 ]
	[ ! -e "$T/in/post.1" ]
	date -u -d '+40 seconds' +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	wait_until [ -e "$T/in/post.1" ]
	wait_until nothing_waits
	[ ! -e "$T/in/post.2" ]
}

@test "that alerts cannot be sent is an alert, and goes the other way" {
	vault_init
	date -u +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	receiver_starts
	by_webhook 'mail = smtps://localhost:1' 'mail-from = a@b' \
		'mail-to = c@d' 'severity = 2'
	vault_starts --clock "$T/clock"
	vaultd policy "$VAULT" daily=9 --clock "$T/clock"
	local i
	for i in 1 2 3; do
		wait_until failed_so_often "$i"
		date -u -d "+$((i * 5)) minutes" +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	done
	wait_until grep -q '"kind":"not-sent"' "$T/in/post.2"
	vaultd alerts "$VAULT" --clock "$T/clock" | grep -A1 'not-sent' |
		grep -q "cannot be sent by mail"
}

failed_so_often() {
	[ "$(grep -c "could not be sent by mail" "$T/vaultd.log")" -ge "$1" ]
}

@test "what is not severe enough is not sent" {
	vault_init
	receiver_starts
	by_webhook 'severity = 0'
	vault_starts
	machine_registers host
	asked 204 "" ask_as host /v1/machine -X DELETE # severity 1
	shorter
	wait_until [ -e "$T/in/post.1" ]
	grep -q policy-shortened "$T/in/post.1"
	TOKEN=$(vaultd monitor-token "$VAULT" me)
	wait_until nothing_waits
	[ ! -e "$T/in/post.2" ]
}

@test "a server ends at once, though somebody does not answer" {
	vault_init
	mkdir "$T/in"
	mkfifo "$T/never"
	python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
print(s.getsockname()[1], flush=True)
sys.stdin.read()' >"$T/port" <>"$T/never" 3>&- &
	BACKGROUND+=("$!")
	wait_until [ -s "$T/port" ]
	HTTPS=$(cat "$T/port")
	by_webhook
	vault_starts
	shorter
	wait_until connected
	SECONDS=0
	vault_ends
	[ "$SECONDS" -lt 20 ] # it gives up after 30
	# and it is sent when somebody does
	sed -i '/^\[alerts\]/,$d' "$VAULT/vaultd.conf"
	receiver_starts
	by_webhook
	vault_starts
	wait_until [ -e "$T/in/post.1" ]
}

connected() {
	grep -q "$(printf ':%04X 01' "$HTTPS")" /proc/net/tcp
}

@test "mistakes in how alerts are sent" {
	local lines
	vault_init
	cp "$VAULT/vaultd.conf" "$T/conf"
	for lines in 'mail = host' 'mail = smtps://h' \
		'webhook = http://h' 'webhook = https://h' \
		$'mail = smtp://h\nmail-from = a@b\nmail-to = c@d\nmail-user = x'; do
		{
			cat "$T/conf"
			printf '[alerts]\n%s\n' "$lines"
		} >"$VAULT/vaultd.conf"
		expect 1 vaultd serve "$VAULT"
	done
}
