/* Ways in which a host ends without asking: named by the first argument. */
#include <unistd.h>

#include "host.h"

static void provoke_events(void) {
    const uint8_t garbage[] = {0xff};
    const uint8_t *data;
    size_t len;
    wire_out answer;
    uint64_t source = new_audio_source();
    CHECK(source);
    for (uint64_t id = 1; id <= 10; id++) {
        CHECK(capture(source, id, &answer));
        CHECK(livekit_ffi_request(garbage, 1, &data, &len) == 0);
    }
}

static void *ending_thread_callback_entered;

/* What CPython does to a foreign thread that wants the interpreter while it shuts down. */
static void callback_that_ends_its_thread(const uint8_t *data, size_t len) {
    host_remember(data, len);
    __atomic_store_n(&ending_thread_callback_entered, &host, __ATOMIC_SEQ_CST);
    pthread_exit(NULL);
}

static void callback_that_hangs(const uint8_t *data, size_t len) {
    host_remember(data, len);
    for (;;) {
        pause();
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum { PROCESSORS = 64, TICK_NS = 10000000 };

static bool watching = true;

/* Sleeps for a moment again and again: what it oversleeps the machine did not have for us. */
static void *watch(void *taken) {
    const struct timespec tick = {0, TICK_NS};
    while (__atomic_load_n(&watching, __ATOMIC_SEQ_CST)) {
        double begin = seconds();
        nanosleep(&tick, NULL);
        double late = seconds() - begin - TICK_NS / 1e9;
        if (late > TICK_NS / 1e9) {
            *(double *)taken += late;
        }
    }
    return NULL;
}

/* How long dispose takes, of the time that the machine had for us. */
static double seconds_of_dispose(void) {
    pthread_t watchers[PROCESSORS];
    double taken[PROCESSORS] = {0};
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    count = count < 1 ? 1 : count > PROCESSORS ? PROCESSORS : count;
    for (long at = 0; at < count; at++) {
        CHECK(pthread_create(&watchers[at], NULL, watch, &taken[at]) == 0);
    }
    double begin = seconds();
    livekit_ffi_dispose();
    double spent = seconds() - begin;
    __atomic_store_n(&watching, false, __ATOMIC_SEQ_CST);
    for (long at = 0; at < count; at++) {
        CHECK(pthread_join(watchers[at], NULL) == 0);
        spent -= taken[at];
    }
    return spent;
}

int main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    if (strcmp(way, "return") == 0) {
        livekit_ffi_initialize(host_callback, true, "c", "1");
        provoke_events();
    } else if (strcmp(way, "exit-in-callback") == 0) {
        livekit_ffi_initialize(callback_that_ends_its_thread, true, "c", "1");
        provoke_events();
        CHECK(host_await(EVENT_CAPTURE_AUDIO_FRAME, 0, NULL) || host_count() > 0);
        livekit_ffi_dispose();
        CHECK(ending_thread_callback_entered == &host && host_count() == 1);
        livekit_ffi_initialize(host_callback, true, "c", "1");
        provoke_events();
        CHECK(host_await(EVENT_CAPTURE_AUDIO_FRAME, 10, NULL));
        livekit_ffi_dispose();
        host_forget();
    } else if (strcmp(way, "hang-in-callback") == 0) {
        livekit_ffi_initialize(callback_that_hangs, true, "c", "1");
        provoke_events();
        CHECK(host_await(EVENT_CAPTURE_AUDIO_FRAME, 0, NULL) || host_count() > 0);
        CHECK(seconds_of_dispose() < 3.0);
        CHECK(host_count() == 1);
    } else if (strcmp(way, "hang-then-exit") == 0) {
        livekit_ffi_initialize(callback_that_hangs, true, "c", "1");
        provoke_events();
        CHECK(host_count() <= 1);
    } else {
        fprintf(stderr, "usage: ends return|exit-in-callback|hang-in-callback|hang-then-exit\n");
        return 2;
    }
    return 0;
}
