/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.S - the programs of each hook set, as clang made them.
 */
	.section .rodata

	.macro object name, file
	.balign 8
	.global track_object_\name
	.hidden track_object_\name
track_object_\name:
	.incbin "\file"
.Lend_\name:
	.balign 8
	.global track_object_\name\()_len
	.hidden track_object_\name\()_len
track_object_\name\()_len:
	.quad .Lend_\name - track_object_\name
	.endm

	object tracepoint, TRACEPOINT_OBJECT
	object vfs, VFS_OBJECT

	.section .note.GNU-stack, "", %progbits
