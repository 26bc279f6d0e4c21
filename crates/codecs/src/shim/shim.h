// What the shims of libvpx and libaom have in common. Every struct is mirrored, field for field, in shim/*.rs.
#ifndef LK_SHIM_H
#define LK_SHIM_H

#include <stdint.h>

#define LK_LAYERS 9
#define LK_SPATIAL 3

// kbit/s; those of layers grow with the temporal layer (each holds the ones below it). A spatial layer with 0 is not
// encoded.
typedef struct {
  uint32_t total;
  uint32_t layer[LK_LAYERS];
  uint32_t max_intra_pct;
} lk_rates;

// What a decoder hands out; the planes live until its next call. Samples above 8 bits stand in two bytes each.
typedef struct {
  const uint8_t *planes[3];
  int32_t strides[3];
  uint32_t width, height;
  uint32_t is_420;
  uint32_t two_bytes;
  uint32_t bit_depth;
  uint32_t monochrome;
  int32_t quantizer;
} lk_picture;

#endif
