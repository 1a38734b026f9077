/*
 * Makes the disk of a PostgreSQL server slow, when it is preloaded (LD_PRELOAD): each flush of the write-ahead log
 * takes FLUSH_DELAY_MICROSECONDS longer. On Linux PostgreSQL flushes it by fdatasync (setting wal_sync_method).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void delay(void)
{
    const char *setting = getenv("FLUSH_DELAY_MICROSECONDS");
    long microseconds = setting ? atol(setting) : 0;
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_nsec += microseconds % 1000000 * 1000;
    due.tv_sec += microseconds / 1000000 + due.tv_nsec / 1000000000;
    due.tv_nsec %= 1000000000;
    /* Signals, by which PostgreSQL's processes wake each other, do not make a disk faster. */
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        ;
}

int fdatasync(int file)
{
    int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int result = flush(file);
    int error = errno;
    delay();
    errno = error;
    return result;
}
