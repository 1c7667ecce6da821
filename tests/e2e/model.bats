# SPDX-License-Identifier: Apache-2.0
# slow
# release only
#
# The order of steps that keeps data safe, in every interleaving: the model
# of docs/commit.pml holds, and breaks when a step is left out.

# Half a minute of two processors when nothing else runs, and no more memory
# than spin is given; a busy machine takes longer.
export BATS_TEST_TIMEOUT=900

load ../lib/helpers

@test "commit, prune, readers and vaults keep their promises" {
	requires spin gcc
	expect 0 "$TOP/tests/model/run"
	echo "$output"
	output_lacks TOOTHLESS
	[ "$(grep -c '^holds: ' <<<"$output")" -eq 4 ]
	[ "$(grep -c '^breaks: ' <<<"$output")" -eq 15 ]
}
