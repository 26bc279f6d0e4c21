/* What the test programs share: checks, a callback that remembers events, requests in one line. */
#ifndef HOST_H
#define HOST_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "livekit_ffi.h"
#include "wire.h"

/* Members of FfiRequest and FfiResponse, and of FfiEvent, by their numbers in protocol/ffi.proto. */
enum { REQ_DISPOSE = 2, REQ_CONNECT = 3, REQ_NEW_VIDEO_SOURCE = 21, REQ_NEW_AUDIO_SOURCE = 26, REQ_CAPTURE_AUDIO_FRAME = 27 };
enum { EVENT_CONNECT = 5, EVENT_DISPOSE = 8, EVENT_CAPTURE_AUDIO_FRAME = 13, EVENT_LOGS = 18 };

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__,   \
                    #condition, last_error());                                            \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

static inline const char *last_error(void) {
    static _Thread_local char text[512];
    if (livekit_ffi_last_error(text, sizeof text) == 0) {
        text[0] = 0;
    }
    return text;
}

enum { EVENTS_KEPT = 4096 };

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct {
        uint8_t *bytes;
        size_t len;
    } events[EVENTS_KEPT];
    size_t count;
    int running;
    bool overlapped;
} host_log;

static host_log host = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {{0, 0}}, 0, 0, false};

static inline void host_remember(const uint8_t *data, size_t len) {
    uint8_t *copy = (uint8_t *)malloc(len ? len : 1);
    if (copy && len) {
        memcpy(copy, data, len);
    }
    pthread_mutex_lock(&host.lock);
    if (host.count < EVENTS_KEPT) {
        host.events[host.count].bytes = copy;
        host.events[host.count].len = len;
        host.count++;
    } else {
        free(copy);
    }
    pthread_cond_broadcast(&host.arrived);
    pthread_mutex_unlock(&host.lock);
}

static inline void host_callback(const uint8_t *data, size_t len) {
    pthread_mutex_lock(&host.lock);
    host.overlapped |= host.running++ > 0;
    pthread_mutex_unlock(&host.lock);
    host_remember(data, len);
    pthread_mutex_lock(&host.lock);
    host.running--;
    pthread_mutex_unlock(&host.lock);
}

static inline void host_forget(void) {
    pthread_mutex_lock(&host.lock);
    for (size_t i = 0; i < host.count; i++) {
        free(host.events[i].bytes);
    }
    host.count = 0;
    pthread_mutex_unlock(&host.lock);
}

static inline size_t host_count(void) {
    pthread_mutex_lock(&host.lock);
    size_t count = host.count;
    pthread_mutex_unlock(&host.lock);
    return count;
}

/* Waits at most 10 s for an event whose member is `field` and which satisfies `id` (0: any). */
static inline bool host_await(uint32_t field, uint64_t id, wire_in *body) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    bool found = false;
    pthread_mutex_lock(&host.lock);
    size_t seen = 0;
    while (!found) {
        for (; seen < host.count && !found; seen++) {
            wire_in event = {host.events[seen].bytes, host.events[seen].len}, inner;
            uint64_t async_id = 0;
            if (wire_find(event, field, NULL, &inner)) {
                found = id == 0 || (wire_find(inner, 1, &async_id, NULL) && async_id == id);
                if (found && body) {
                    *body = inner;
                }
            }
        }
        if (!found && pthread_cond_timedwait(&host.arrived, &host.lock, &until) != 0) {
            break;
        }
    }
    pthread_mutex_unlock(&host.lock);
    return found;
}

/* Sends a request whose member `field` is `body`; its answer is copied to `answer` and dropped. */
static inline bool ask(uint32_t field, const wire_out *body, wire_out *answer) {
    wire_out request = {{0}, 0};
    wire_message(&request, field, body);
    const uint8_t *data = (const uint8_t *)1;
    size_t len = 1;
    uint64_t handle = livekit_ffi_request(request.bytes, request.len, &data, &len);
    if (handle == 0) {
        CHECK(data == NULL && len == 0);
        return false;
    }
    CHECK(len <= sizeof answer->bytes);
    memcpy(answer->bytes, data, len);
    answer->len = len;
    CHECK(livekit_ffi_drop_handle(handle));
    CHECK(!livekit_ffi_drop_handle(handle));
    return true;
}

static inline wire_in read_of(const wire_out *out) {
    wire_in in = {out->bytes, out->len};
    return in;
}

/* A native audio source of 48 kHz mono without a queue; 0 if it could not be made. */
static inline uint64_t new_audio_source(void) {
    wire_out body = {{0}, 0}, answer;
    wire_uint(&body, 1, 0);
    wire_uint(&body, 3, 48000);
    wire_uint(&body, 4, 1);
    wire_uint(&body, 5, 100);
    if (!ask(REQ_NEW_AUDIO_SOURCE, &body, &answer)) {
        return 0;
    }
    wire_in response, source, owned;
    uint64_t id = 0;
    CHECK(wire_find(read_of(&answer), REQ_NEW_AUDIO_SOURCE, NULL, &response));
    CHECK(wire_find(response, 1, NULL, &source) && wire_find(source, 1, NULL, &owned));
    CHECK(wire_find(owned, 1, &id, NULL));
    return id;
}

/* Captures 10 ms of silence; the callback will carry `async_id`. */
static inline bool capture(uint64_t source, uint64_t async_id, wire_out *answer) {
    static const int16_t silence[480] = {0};
    wire_out body = {{0}, 0}, buffer = {{0}, 0};
    wire_uint(&buffer, 1, (uint64_t)(uintptr_t)silence);
    wire_uint(&buffer, 2, 1);
    wire_uint(&buffer, 3, 48000);
    wire_uint(&buffer, 4, 480);
    wire_uint(&body, 1, source);
    wire_message(&body, 2, &buffer);
    wire_uint(&body, 3, async_id);
    return ask(REQ_CAPTURE_AUDIO_FRAME, &body, answer);
}

#endif
