/* Resampling through the C boundary: pushed in any pieces, from memory that ends where it says, into ours. */
#include "sound.h"

enum { INTERLEAVED = 0, SPLIT = 1, QUICK = 0, VERY_HIGH = 4 };
enum { ERROR_IN_NEW = 2, ERROR_IN_PUSH = 3 };

typedef struct {
    double input_rate, output_rate;
    uint64_t channels, input, output, quality, flags;
} settings;

static bool new_sox(const settings *with, uint64_t *handle, wire_out *answer) {
    wire_out body = {{0}, 0};
    wire_double(&body, 1, with->input_rate);
    wire_double(&body, 2, with->output_rate);
    wire_uint(&body, 3, with->channels);
    wire_uint(&body, 4, with->input);
    wire_uint(&body, 5, with->output);
    wire_uint(&body, 6, with->quality);
    wire_uint(&body, 7, with->flags);
    CHECK(ask(REQ_NEW_SOX_RESAMPLER, &body, answer));
    *handle = handle_in(answer, REQ_NEW_SOX_RESAMPLER, 1);
    return *handle != 0;
}

/* Frames of interleaved sound. */
typedef struct {
    int16_t *samples;
    size_t frames, channels;
} sound;

static sound empty(size_t most, size_t channels) {
    sound made = {(int16_t *)calloc(most * channels + 1, sizeof(int16_t)), 0, channels};
    CHECK(made.samples != NULL);
    return made;
}

static void ask_sox(uint32_t request, uint64_t handle, uint64_t address, uint64_t size, wire_out *answer) {
    wire_out body = {{0}, 0};
    wire_uint(&body, 1, handle);
    if (request == REQ_PUSH_SOX_RESAMPLER) {
        wire_uint(&body, 2, address);
        wire_uint(&body, 3, size);
    }
    CHECK(ask(request, &body, answer));
}

/* Reads every byte that the library says is there, and appends the frames. */
static void take(const wire_out *answer, uint32_t member, uint64_t layout, sound *into, size_t most) {
    wire_in response, error;
    uint64_t address = 1, size = 1;
    CHECK(wire_find(read_of(answer), member, NULL, &response) && !wire_find(response, 3, NULL, &error));
    CHECK(wire_find(response, 1, &address, NULL) && wire_find(response, 2, &size, NULL));
    CHECK((address == 0) == (size == 0) && size % (sizeof(int16_t) * into->channels) == 0);
    const int16_t *given = (const int16_t *)(uintptr_t)address;
    size_t frames = (size_t)size / sizeof(int16_t) / into->channels;
    CHECK(into->frames + frames <= most);
    for (size_t place = 0; place < frames; place++) {
        for (size_t channel = 0; channel < into->channels; channel++) {
            size_t from = layout == SPLIT ? channel * frames + place : place * into->channels + channel;
            into->samples[(into->frames + place) * into->channels + channel] = given[from];
        }
    }
    into->frames += frames;
}

/* Pushes all of `in` in pieces of `piece` frames, each in memory of its own that is gone afterwards, and flushes. */
static sound resample(uint64_t handle, const settings *with, const sound *in, size_t piece, fence_side side) {
    size_t most = (size_t)((double)in->frames * with->output_rate / with->input_rate + 1.0);
    sound out = empty(most, in->channels);
    int16_t *laid = (int16_t *)malloc(piece * in->channels * sizeof(int16_t));
    wire_out answer;
    CHECK(laid != NULL);
    for (size_t done = 0; done < in->frames; done += piece) {
        size_t frames = in->frames - done < piece ? in->frames - done : piece, size = frames * in->channels * sizeof(int16_t);
        for (size_t place = 0; place < frames; place++) {
            for (size_t channel = 0; channel < in->channels; channel++) {
                size_t to = with->input == SPLIT ? channel * frames + place : place * in->channels + channel;
                laid[to] = in->samples[(done + place) * in->channels + channel];
            }
        }
        fenced memory = fence_copy(laid, size, side);
        ask_sox(REQ_PUSH_SOX_RESAMPLER, handle, fence_address(&memory), size, &answer);
        fence_free(&memory);
        take(&answer, REQ_PUSH_SOX_RESAMPLER, with->output, &out, most);
    }
    ask_sox(REQ_FLUSH_SOX_RESAMPLER, handle, 0, 0, &answer);
    take(&answer, REQ_FLUSH_SOX_RESAMPLER, with->output, &out, most);
    free(laid);
    return out;
}

static double hertz_of(size_t channel) {
    return 440.0 * (double)(channel + 1);
}

static sound tones(size_t frames, size_t channels, double rate) {
    sound made = empty(frames, channels);
    made.frames = frames;
    for (size_t at = 0; at < frames * channels; at++) {
        made.samples[at] = tone_at(at / channels, hertz_of(at % channels), rate);
    }
    return made;
}

/* Each channel keeps its tone, between what the silence before and after has its part in. */
static void check_tones(const sound *heard, double rate) {
    size_t edge = heard->frames / 4, middle = heard->frames - 2 * edge;
    for (size_t channel = 0; channel < heard->channels; channel++) {
        const int16_t *from = heard->samples + edge * heard->channels + channel;
        CHECK(share_of_tone(from, middle, heard->channels, hertz_of(channel), rate) > 0.995);
    }
}

static void tones_keep_their_length_and_pitch_however_they_are_cut(const settings *with) {
    sound in = tones((size_t)(with->input_rate / 10), (size_t)with->channels, with->input_rate);
    size_t wanted = (size_t)((double)in.frames * with->output_rate / with->input_rate + 0.5);
    const size_t pieces[] = {in.frames, 480, 101};
    uint64_t handle;
    wire_out answer;
    sound first = {NULL, 0, 0};
    CHECK(new_sox(with, &handle, &answer));
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        sound out = resample(handle, with, &in, pieces[i], i % 2 ? FENCE_BEFORE : FENCE_BEHIND);
        CHECK(out.frames == wanted);
        check_tones(&out, with->output_rate);
        if (i == 0) {
            first = out;
        } else {
            CHECK(memcmp(first.samples, out.samples, wanted * out.channels * sizeof(int16_t)) == 0);
            free(out.samples);
        }
    }
    free(first.samples);
    free(in.samples);
    CHECK(livekit_ffi_drop_handle(handle));
    ask_sox(REQ_PUSH_SOX_RESAMPLER, handle, 0, 0, &answer);
    CHECK(tells(&answer, REQ_PUSH_SOX_RESAMPLER, ERROR_IN_PUSH, "sox resampler"));
    ask_sox(REQ_FLUSH_SOX_RESAMPLER, handle, 0, 0, &answer);
    CHECK(tells(&answer, REQ_FLUSH_SOX_RESAMPLER, ERROR_IN_PUSH, "sox resampler"));
}

static void every_layout_rate_and_quality(void) {
    const double rates[][2] = {{48000, 16000}, {16000, 48000}, {44100, 48000}, {8000, 11025.5}};
    uint64_t quality = QUICK;
    for (size_t rate = 0; rate < sizeof rates / sizeof *rates; rate++) {
        for (uint64_t channels = 1; channels <= 2; channels++) {
            for (uint64_t layouts = 0; layouts < 4; layouts += channels == 1 ? 3 : 1) {
                settings with = {rates[rate][0], rates[rate][1], channels, layouts & 1, layouts >> 1, quality, 0};
                tones_keep_their_length_and_pitch_however_they_are_cut(&with);
                quality = (quality + 1) % (VERY_HIGH + 1);
            }
        }
    }
}

static void single_frames_and_nothing_may_be_pushed(void) {
    settings with = {48000, 16000, 2, INTERLEAVED, SPLIT, VERY_HIGH, 0};
    sound in = tones(90, 2, with.input_rate);
    uint64_t handle;
    wire_out answer;
    CHECK(new_sox(&with, &handle, &answer));
    for (int round = 0; round < 3; round++) {
        /* The last flush began it anew. */
        sound out = resample(handle, &with, &in, 1, FENCE_BEHIND);
        CHECK(out.frames == 30);
        free(out.samples);
        sound nothing = empty(1, 2);
        ask_sox(REQ_FLUSH_SOX_RESAMPLER, handle, 0, 0, &answer);
        take(&answer, REQ_FLUSH_SOX_RESAMPLER, SPLIT, &nothing, 0);
        ask_sox(REQ_PUSH_SOX_RESAMPLER, handle, 0, 0, &answer);
        take(&answer, REQ_PUSH_SOX_RESAMPLER, SPLIT, &nothing, 0);
        free(nothing.samples);
    }
    free(in.samples);
    CHECK(livekit_ffi_drop_handle(handle));
}

static void settings_that_cannot_be_are_refused_by_name(void) {
    const settings good = {48000, 16000, 2, INTERLEAVED, INTERLEAVED, VERY_HIGH, 0};
    const double rates[] = {0, -1, 999, 1e9, INFINITY, NAN};
    uint64_t handle;
    wire_out answer;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        settings input = good, output = good;
        input.input_rate = output.output_rate = rates[i];
        CHECK(!new_sox(&input, &handle, &answer) && tells(&answer, REQ_NEW_SOX_RESAMPLER, ERROR_IN_NEW, "input_rate"));
        CHECK(!new_sox(&output, &handle, &answer) && tells(&answer, REQ_NEW_SOX_RESAMPLER, ERROR_IN_NEW, "output_rate"));
    }
    const struct {
        const char *name;
        settings with;
    } cases[] = {
        {"channels", {48000, 16000, 0, 0, 0, 0, 0}},
        {"channels", {48000, 16000, UINT32_MAX, 0, 0, 0, 0}},
        {"input_data_type", {48000, 16000, 2, 2, 0, 0, 0}},
        {"output_data_type", {48000, 16000, 2, 0, UINT64_MAX, 0, 0}},
        {"quality_recipe", {48000, 16000, 2, 0, 0, 5, 0}},
        {"flags", {48000, 16000, 2, 0, 0, 0, 3}},
        {"flags", {48000, 16000, 2, 0, 0, 0, UINT32_MAX}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(!new_sox(&cases[i].with, &handle, &answer));
        CHECK(tells(&answer, REQ_NEW_SOX_RESAMPLER, ERROR_IN_NEW, cases[i].name));
    }
}

static void pushes_that_cannot_be_are_refused_and_leave_no_trace(void) {
    const settings with = {8000, 192000, 2, INTERLEAVED, INTERLEAVED, QUICK, 0};
    uint64_t handle, source = new_audio_source();
    wire_out answer;
    CHECK(new_sox(&with, &handle, &answer));
    int16_t silence[8] = {0};
    fenced memory = fence_copy(silence, sizeof silence, FENCE_BEHIND);
    uint64_t at = fence_address(&memory);
    const struct {
        const char *name;
        uint64_t handle, address, size;
    } cases[] = {
        {"data_ptr", handle, 0, 16}, {"data_ptr", handle, at - 1, 16}, {"data_ptr", handle, UINT64_MAX - 1, 16},
        {"size", handle, at, 1}, {"size", handle, at, 15}, {"size", handle, at, 14},
        {"size", handle, at, 17}, {"size", handle, at, UINT32_MAX}, {"size", handle, at, UINT32_MAX - 3},
        {"sox resampler", 0, at, 16}, {"sox resampler", source, at, 16}, {"sox resampler", UINT64_MAX, at, 16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask_sox(REQ_PUSH_SOX_RESAMPLER, cases[i].handle, cases[i].address, cases[i].size, &answer);
        CHECK(tells(&answer, REQ_PUSH_SOX_RESAMPLER, ERROR_IN_PUSH, cases[i].name));
    }
    ask_sox(REQ_PUSH_SOX_RESAMPLER, handle, at, sizeof silence, &answer);
    fence_free(&memory);
    sound out = empty(96, 2);
    take(&answer, REQ_PUSH_SOX_RESAMPLER, INTERLEAVED, &out, 96);
    ask_sox(REQ_FLUSH_SOX_RESAMPLER, handle, 0, 0, &answer);
    take(&answer, REQ_FLUSH_SOX_RESAMPLER, INTERLEAVED, &out, 96);
    CHECK(out.frames == 96);
    free(out.samples);
    CHECK(livekit_ffi_drop_handle(handle) && livekit_ffi_drop_handle(source));
}

int main(void) {
    livekit_ffi_initialize(host_callback, false, "c", "1");
    every_layout_rate_and_quality();
    single_frames_and_nothing_may_be_pushed();
    settings_that_cannot_be_are_refused_by_name();
    pushes_that_cannot_be_are_refused_and_leave_no_trace();
    livekit_ffi_dispose();
    host_forget();
    return 0;
}
