/* Just enough Protocol Buffers for a host without a library: building requests, reading answers. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint8_t bytes[512];
    size_t len;
} wire_out;

typedef struct {
    const uint8_t *at;
    size_t len;
} wire_in;

static inline void wire_varint(wire_out *out, uint64_t value) {
    do {
        uint8_t low = (uint8_t)(value & 0x7f);
        value >>= 7;
        if (out->len < sizeof out->bytes) {
            out->bytes[out->len++] = (uint8_t)(low | (value ? 0x80 : 0));
        }
    } while (value);
}

static inline void wire_uint(wire_out *out, uint32_t field, uint64_t value) {
    wire_varint(out, (uint64_t)field << 3);
    wire_varint(out, value);
}

/* IEEE 754 in eight bytes, lowest first, whatever the machine's order. */
static inline void wire_double(wire_out *out, uint32_t field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_varint(out, ((uint64_t)field << 3) | 1);
    for (unsigned shift = 0; shift < 64 && out->len < sizeof out->bytes; shift += 8) {
        out->bytes[out->len++] = (uint8_t)(bits >> shift);
    }
}

static inline void wire_bytes(wire_out *out, uint32_t field, const void *data, size_t len) {
    wire_varint(out, ((uint64_t)field << 3) | 2);
    wire_varint(out, len);
    if (len <= sizeof out->bytes - out->len) {
        if (len > 0) {
            memcpy(out->bytes + out->len, data, len);
        }
        out->len += len;
    }
}

static inline void wire_text(wire_out *out, uint32_t field, const char *text) {
    wire_bytes(out, field, text, strlen(text));
}

static inline void wire_message(wire_out *out, uint32_t field, const wire_out *message) {
    wire_bytes(out, field, message->bytes, message->len);
}

static inline bool wire_read_varint(wire_in *in, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && in->len > 0; shift += 7) {
        uint8_t byte = *in->at;
        in->at++;
        in->len--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

/* The first occurrence of `field`: its number, or its bytes. False if it is not there. */
static inline bool wire_find(wire_in in, uint32_t field, uint64_t *number, wire_in *bytes) {
    while (in.len > 0) {
        uint64_t key, value;
        if (!wire_read_varint(&in, &key)) {
            return false;
        }
        bool found = (key >> 3) == field;
        switch (key & 7) {
        case 0:
            if (!wire_read_varint(&in, &value)) {
                return false;
            }
            if (found && number) {
                *number = value;
                return true;
            }
            break;
        case 2:
            if (!wire_read_varint(&in, &value) || value > in.len) {
                return false;
            }
            if (found && bytes) {
                bytes->at = in.at;
                bytes->len = (size_t)value;
                return true;
            }
            in.at += value;
            in.len -= (size_t)value;
            break;
        case 1:
        case 5: {
            size_t width = (key & 7) == 1 ? 8 : 4;
            if (width > in.len) {
                return false;
            }
            in.at += width;
            in.len -= width;
            break;
        }
        default:
            return false;
        }
    }
    return false;
}

static inline bool wire_contains(wire_in in, const char *text) {
    size_t len = strlen(text);
    for (size_t at = 0; at + len <= in.len; at++) {
        if (memcmp(in.at + at, text, len) == 0) {
            return true;
        }
    }
    return false;
}

#endif
