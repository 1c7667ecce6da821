/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kernel.h - the kernel's types, as far as the programs look into them.
 *
 * Written by hand; where a member lies is found when a program is loaded
 * (CO-RE), so that one object runs on many kernels. A type with three
 * underscores is another shape of the same one.
 */
#ifndef BPF_KERNEL_H
#define BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#define CO_RE __attribute__((preserve_access_index))

typedef __s64 loff_t;
typedef __kernel_size_t size_t;
typedef __kernel_ssize_t ssize_t;

struct super_block {
	__u32 s_dev;
} CO_RE;

struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	loff_t i_size;
	unsigned int i_flags;
	__u32 i_generation;
} CO_RE;

struct address_space {
	struct inode *host;
} CO_RE;

struct folio {
	unsigned long index;
} CO_RE;

/* The flags come first in every kernel; their type has changed. */
struct folio___flags {
	unsigned long flags;
};

/* Since 6.14; before that _folio_nr_pages. */
struct folio___nr_pages {
	unsigned int _nr_pages;
} CO_RE;

struct folio___folio_nr_pages {
	unsigned int _folio_nr_pages;
} CO_RE;

enum pageflags {
	PG_head,
};

struct file {
	struct inode *f_inode;
} CO_RE;

/* Since 5.10. */
#define IOCB_DIRECT (1 << 17)
#define IOCB_WRITE (1 << 18)

struct kiocb {
	struct file *ki_filp;
	loff_t ki_pos;
	int ki_flags;
} CO_RE;

struct iov_iter {
	bool data_source;
	size_t count;
} CO_RE;

struct dentry {
	struct dentry *d_parent;
	struct inode *d_inode;
} CO_RE;

/* Up to 5.17, where folios came. */
struct page {
	unsigned long index;
} CO_RE;

struct work_struct {
	int unused;
};

struct iomap_dio {
	struct kiocb *iocb;
	loff_t size;
	int error;
	struct {
		struct work_struct work;
	} aio;
} CO_RE;

struct xfs_inode {
	struct inode i_vnode;
} CO_RE;

#endif /* BPF_KERNEL_H */
