/* Memory between two pages that nobody may touch: one byte too many ends the program, also where the access is in
   code that no sanitizer looks into. */
#ifndef FENCE_H
#define FENCE_H

#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

/* Which end of the memory lies at the fence. */
typedef enum { FENCE_BEHIND, FENCE_BEFORE } fence_side;

typedef struct {
    uint8_t *map;
    size_t mapped;
    /* The `size` bytes asked for. */
    void *at;
    size_t size;
} fenced;

static inline fenced fence(size_t size, fence_side side) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (size + page - 1) / page * page;
    if (inner == 0) {
        inner = page;
    }
    fenced memory = {NULL, inner + 2 * page, NULL, size};
    memory.map = (uint8_t *)mmap(NULL, memory.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory.map != MAP_FAILED);
    CHECK(mprotect(memory.map + page, inner, PROT_READ | PROT_WRITE) == 0);
    memory.at = memory.map + page + (side == FENCE_BEHIND ? inner - size : 0);
    return memory;
}

/* A fenced copy that cannot be written to. */
static inline fenced fence_copy(const void *data, size_t size, fence_side side) {
    fenced memory = fence(size, side);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > 0) {
        memcpy(memory.at, data, size);
    }
    CHECK(mprotect(memory.map + page, memory.mapped - 2 * page, PROT_READ) == 0);
    return memory;
}

static inline uint64_t fence_address(const fenced *memory) {
    return (uint64_t)(uintptr_t)memory->at;
}

/* Who still reads it ends the program. */
static inline void fence_free(fenced *memory) {
    CHECK(munmap(memory->map, memory->mapped) == 0);
    memory->at = NULL;
}

#endif
