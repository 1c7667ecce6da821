# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # tests use what is set; run sets output
#
# arm.bash - requests to a vault as Azure Resource Manager.
#
#	load ../lib/helpers
#	load ../lib/vault
#	load ../lib/identity
#	load ../lib/arm

# arm_starts [OPTION...]: a vault that runs, $TOKEN of its administrator, $SUB,
# $GROUP and $RSV, the path of the vault's resource.
arm_starts() {
	vault_init "$@" >/dev/null
	vault_starts "$@"
	TOKEN=$(token_of admin)
	SUB=/subscriptions/$(arm GET /subscriptions | jq -r '.value[0].subscriptionId')
	GROUP=$SUB/resourceGroups/tidemark
	RSV=$GROUP/providers/Microsoft.RecoveryServices/vaults/default
}

# arm_raw METHOD PATH [BODY] [curl option...]: the answer, and its status.
arm_raw() {
	local method=$1 path=$2 body=${3:-}
	shift $(($# < 3 ? $# : 3))
	case $path in
	*api-version=*) ;;
	*\?*) path+='&api-version=2024-04-01' ;;
	*) path+='?api-version=2024-04-01' ;;
	esac
	ask_by "$TOKEN" "${path// /%20}" -X "$method" \
		${body:+-H 'Content-Type: application/json' -d "$body"} "$@"
}

# arm METHOD PATH [BODY]: what is answered; fails if that is an error.
arm() {
	arm_raw "$@" >"$T/arm.answer" || return
	head -n -1 "$T/arm.answer"
	case $(tail -n 1 "$T/arm.answer") in
	2*) ;;
	*) return 1 ;;
	esac
}

# arm_says STATUS WORDS METHOD PATH [BODY] [curl option...]
arm_says() {
	local want=$1 words=$2
	shift 2
	asked "$want" "$words" arm_raw "$@"
}

# arm_has JQ: of the last answer of arm or arm_says.
arm_has() {
	jq -e "$1" >/dev/null <<<"$(head -n -1 <<<"$output")" && return
	echo "not $1:"
	echo "$output"
	return 1
}
