/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_object.S - the programs for block devices, inside of ours.
 */
	.section .rodata
	.balign 8
	.global block_object
	.hidden block_object
block_object:
	.incbin TRACK_OBJECT
.Lend:
	.balign 8
	.global block_object_len
	.hidden block_object_len
block_object_len:
	.quad .Lend - block_object

	.section .note.GNU-stack, "", %progbits
