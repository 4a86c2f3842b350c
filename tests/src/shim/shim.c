/*
 * A hand inside the program under test: preloaded (LD_PRELOAD), it stands between the program and the C library.
 *
 * It offers a wrong wall clock and a full disk, by the environment of the process:
 *   SHIM_CLOCK_OFFSET_S  seconds added to the wall clock; clocks that measure time are left alone.
 *   SHIM_FULL_UNDER      an absolute folder without links; while the file SHIM_FULL_WHILE is there, no file in it grows.
 *
 * As on a real disk, what a file has already can be written over, and a write that passes its end is cut there; the
 * next one fails with ENOSPC. A file may be made, and be made longer without contents: that takes no room. It never
 * changes what is read. Only the calls that the program makes are here (`nm -D` lists them): Rust's standard library
 * and SQLite write by write, writev and pwrite64.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The function that would have been called without this library. A race finds the same one twice. */
#define NEXT(result, name, ...)                                   \
    static result (*next)(__VA_ARGS__);                           \
    if (!next) next = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static time_t offset_s(void) {
    static time_t offset;
    static int is_known;
    if (!is_known) {
        const char *said = getenv("SHIM_CLOCK_OFFSET_S");
        offset = said ? (time_t)strtoll(said, NULL, 10) : 0;
        is_known = 1;
    }
    return offset;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    NEXT(int, "clock_gettime", clockid_t, struct timespec *);
    int failed = next(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset_s();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    NEXT(int, "gettimeofday", struct timeval *restrict, void *restrict);
    int failed = next(now, zone);
    if (!failed) now->tv_sec += offset_s();
    return failed;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}

/* Whether the disk under this file is full now. Leaves errno as it was. */
static int is_full(int file) {
    const char *flag = getenv("SHIM_FULL_WHILE"), *folder = getenv("SHIM_FULL_UNDER");
    int before = errno, full = 0;
    if (flag && folder && access(flag, F_OK) == 0) {
        char link[64], path[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        size_t above = strlen(folder);
        full = length > (ssize_t)above && strncmp(path, folder, above) == 0 && path[above] == '/';
    }
    errno = before;
    return full;
}

/* How much of `length` bytes at `at` the file can take, -1 where nothing; `at` is -1 where the file itself stands. */
static ssize_t room(int file, off64_t at, size_t length) {
    struct stat64 found;
    if (length == 0 || !is_full(file) || fstat64(file, &found) || !S_ISREG(found.st_mode)) return (ssize_t)length;
    if (at < 0) at = fcntl(file, F_GETFL) & O_APPEND ? found.st_size : lseek64(file, 0, SEEK_CUR);
    if (at >= found.st_size) {
        errno = ENOSPC;
        return -1;
    }
    off64_t left = found.st_size - at;
    return (off64_t)length > left ? (ssize_t)left : (ssize_t)length;
}

ssize_t write(int file, const void *bytes, size_t length) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    ssize_t fits = room(file, -1, length);
    return fits < 0 ? fits : next(file, bytes, (size_t)fits);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    ssize_t fits = room(file, at, length);
    return fits < 0 ? fits : next(file, bytes, (size_t)fits, at);
}

ssize_t writev(int file, const struct iovec *pieces, int count) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    /* One piece at a time is a short write, which every caller must bear. */
    return is_full(file) && count > 0 ? write(file, pieces[0].iov_base, pieces[0].iov_len) : next(file, pieces, count);
}
