/* Tones and noise, and how much of a tone there is. */
#ifndef SOUND_H
#define SOUND_H

#include <math.h>

#include "fence.h"

enum { REQ_NEW_AUDIO_RESAMPLER = 29, REQ_REMIX_AND_RESAMPLE = 30 };
enum { REQ_NEW_SOX_RESAMPLER = 33, REQ_PUSH_SOX_RESAMPLER = 34, REQ_FLUSH_SOX_RESAMPLER = 35 };
/* The answers of these are numbered one lower. */
enum { REQ_NEW_APM = 50, REQ_APM_PROCESS = 51, REQ_APM_REVERSE = 52, REQ_APM_DELAY = 53 };

static inline int16_t tone_at(size_t place, double frequency, double rate) {
    return (int16_t)lrint(10000.0 * sin(2.0 * acos(-1.0) * frequency * (double)place / rate));
}

/* The same noise at each start. */
static inline int16_t noise(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (int16_t)((int32_t)(*state >> 16) % 8000 - 4000);
}

/* The share of the power of `count` samples, `apart` from one another, that lies at this frequency: 0 to 1. */
static inline double share_of_tone(const int16_t *samples, size_t count, size_t apart, double frequency, double rate) {
    double sine = 0, cosine = 0, power = 0;
    for (size_t place = 0; place < count; place++) {
        double sample = samples[place * apart], phase = 2.0 * acos(-1.0) * frequency * (double)place / rate;
        sine += sample * sin(phase);
        cosine += sample * cos(phase);
        power += sample * sample;
    }
    return power > 0 ? 2.0 * (sine * sine + cosine * cosine) / ((double)count * power) : 0;
}

static inline double power_of(const int16_t *samples, size_t count) {
    double power = 0;
    for (size_t place = 0; place < count; place++) {
        power += (double)samples[place] * samples[place];
    }
    return power / (double)count;
}

/* Whether an answer's member names an error with this text in its field `field`. */
static inline bool tells(const wire_out *answer, uint32_t member, uint32_t field, const char *text) {
    wire_in response, error;
    CHECK(wire_find(read_of(answer), member, NULL, &response));
    if (!wire_find(response, field, NULL, &error)) {
        fprintf(stderr, "no error, but expected: %s\n", text);
        return false;
    }
    if (!wire_contains(error, text)) {
        fprintf(stderr, "expected %s, told: %.*s\n", text, (int)error.len, (const char *)error.at);
        return false;
    }
    return true;
}

/* The handle in `field` of an answer's member: a message that holds an FfiOwnedHandle first. 0 if there is none. */
static inline uint64_t handle_in(const wire_out *answer, uint32_t member, uint32_t field) {
    wire_in response, object, owned;
    uint64_t id = 0;
    bool found = wire_find(read_of(answer), member, NULL, &response) && wire_find(response, field, NULL, &object) &&
                 wire_find(object, 1, NULL, &owned) && wire_find(owned, 1, &id, NULL);
    return found ? id : 0;
}

#endif
