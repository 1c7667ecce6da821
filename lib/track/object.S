/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.S - the programs, as clang made them, inside of ours.
 */
	.section .rodata
	.balign 8
	.global track_object
	.hidden track_object
track_object:
	.incbin TRACK_OBJECT
.Lend:
	.balign 8
	.global track_object_len
	.hidden track_object_len
track_object_len:
	.quad .Lend - track_object

	.section .note.GNU-stack, "", %progbits
