// SPDX-License-Identifier: MIT
/* SPDX-License-Identifier: MIT */
/* configure writes this file; here for a kernel with openat2 (5.6) and glibc with statx (2.28). */
#ifndef LIBURING_COMPAT_H
#define LIBURING_COMPAT_H

#include <linux/openat2.h>
#include <linux/time_types.h>

#endif
