/* The smallest host in C: joins a room, says who it is, leaves.
 *
 *     cc -o hello examples/c/hello.c -Ilivekit-ffi/include -Ltarget/release -llivekit_ffi -lpthread
 *     LD_LIBRARY_PATH=target/release ./hello ws://127.0.0.1:7880 TOKEN
 *
 * A real host lets a protobuf library write and read the messages of protocol/; here a few lines do.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "livekit_ffi.h"

/* Field numbers of protocol/: FfiRequest.connect, FfiEvent.connect, and so on. */
enum { REQUEST_CONNECT = 3, REQUEST_DISCONNECT = 4, REQUEST_READY = 83, EVENT_CONNECT = 5, EVENT_DISCONNECT = 7 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool connected, failed, left;
static uint64_t room;

/* Writing: a varint, a field with bytes, a field with a number. Each returns where the next one goes. */
static uint8_t *put_varint(uint8_t *at, uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_bytes(uint8_t *at, uint32_t field, const void *bytes, size_t len) {
    at = put_varint(at, (uint64_t)field << 3 | 2);
    at = put_varint(at, len);
    memcpy(at, bytes, len);
    return at + len;
}

static uint8_t *put_number(uint8_t *at, uint32_t field, uint64_t value) {
    return put_varint(put_varint(at, (uint64_t)field << 3), value);
}

/* Reading: the first field of this number; its bytes (in *bytes) or its value. False if there is none. */
static bool get(const uint8_t *at, size_t len, uint32_t field, const uint8_t **bytes, uint64_t *value) {
    const uint8_t *end = at + len;
    while (at < end) {
        uint64_t numbers[2] = {0, 0};
        for (int which = 0; which < 2; which++) {
            for (int shift = 0; at < end && shift < 64; shift += 7) {
                uint8_t byte = *at++;
                numbers[which] |= (uint64_t)(byte & 0x7f) << shift;
                if (byte < 0x80) break;
            }
        }
        bool is_bytes = (numbers[0] & 7) == 2;
        if (is_bytes && numbers[1] > (uint64_t)(end - at)) return false;
        if (numbers[0] >> 3 == field) {
            *bytes = at;
            *value = numbers[1];
            return true;
        }
        if (is_bytes) at += numbers[1];
    }
    return false;
}

/* Runs on a thread of the library; the bytes are ours only until we return. */
static void on_event(const uint8_t *data, size_t len) {
    const uint8_t *event, *part;
    uint64_t size, part_size;
    pthread_mutex_lock(&lock);
    if (get(data, len, EVENT_CONNECT, &event, &size)) {
        if (get(event, size, 2, &part, &part_size)) {
            printf("not connected: %.*s\n", (int)part_size, (const char *)part);
            failed = true;
        } else if (get(event, size, 3, &part, &part_size)    /* ConnectCallback.result */
                   && get(part, part_size, 1, &part, &part_size) /* Result.room */
                   && get(part, part_size, 1, &part, &part_size) /* OwnedRoom.handle */
                   && get(part, part_size, 1, &part, &room)) {   /* FfiOwnedHandle.id */
            connected = true;
        }
    } else if (get(data, len, EVENT_DISCONNECT, &event, &size)) {
        left = true;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Sends FfiRequest{field: body}; the answer is not looked at, only given back. */
static bool request(uint32_t field, const uint8_t *body, size_t len) {
    uint8_t data[8192];
    const uint8_t *answer;
    size_t answer_len;
    size_t size = (size_t)(put_bytes(data, field, body, len) - data);
    uint64_t handle = livekit_ffi_request(data, size, &answer, &answer_len);
    if (handle == 0) {
        char text[256];
        livekit_ffi_last_error(text, sizeof text);
        fprintf(stderr, "refused: %s\n", text);
        return false;
    }
    livekit_ffi_drop_handle(handle);
    return true;
}

int main(int argc, char **argv) {
    uint8_t body[6144];
    if (argc != 3 || strlen(argv[1]) + strlen(argv[2]) > sizeof body - 64) {
        fprintf(stderr, "usage: %s URL TOKEN\n", argv[0]);
        return 2;
    }
    livekit_ffi_initialize(on_event, false, "c-example", "1");

    uint8_t *end = put_bytes(body, 1, argv[1], strlen(argv[1]));
    end = put_bytes(end, 2, argv[2], strlen(argv[2]));
    end = put_bytes(end, 3, "", 0); /* RoomOptions with every default */
    if (!request(REQUEST_CONNECT, body, (size_t)(end - body))) return 1;

    pthread_mutex_lock(&lock);
    while (!connected && !failed) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);

    if (connected) {
        printf("connected\n");
        end = put_number(body, 1, room);
        if (!request(REQUEST_READY, body, (size_t)(end - body))) return 1; /* events of the room come from now on */
        if (!request(REQUEST_DISCONNECT, body, (size_t)(end - body))) return 1;
        pthread_mutex_lock(&lock);
        while (!left) pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        livekit_ffi_drop_handle(room);
        printf("left\n");
    }
    livekit_ffi_dispose();
    return failed;
}
