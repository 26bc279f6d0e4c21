/* Sends what tests/bad_input.rs recorded: the first argument names the file. Every request is answered, and none harms. */
#include "host.h"

int main(int argc, char **argv) {
    CHECK(argc == 2);
    FILE *file = fopen(argv[1], "rb");
    CHECK(file != NULL);
    livekit_ffi_initialize(host_callback, false, "replay", "1");
    size_t served = 0, refused = 0;
    uint8_t head[4];
    while (fread(head, 1, sizeof head, file) == sizeof head) {
        size_t len = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        /* Exactly as large as the request, so that a read beyond it is seen. */
        uint8_t *bytes = (uint8_t *)malloc(len ? len : 1);
        CHECK(bytes != NULL && fread(bytes, 1, len, file) == len);
        const uint8_t *data = (const uint8_t *)1;
        size_t size = 1;
        uint64_t handle = livekit_ffi_request(bytes, len, &data, &size);
        free(bytes);
        if (handle == 0) {
            CHECK(data == NULL && size == 0 && last_error()[0] != 0);
            refused++;
        } else {
            CHECK(livekit_ffi_drop_handle(handle));
            served++;
        }
    }
    CHECK(feof(file));
    fclose(file);
    livekit_ffi_dispose();
    CHECK(!host.overlapped);
    host_forget();
    CHECK(served > 500 && refused > 50);
    printf("%zu requests answered, %zu refused\n", served, refused);
    return 0;
}
