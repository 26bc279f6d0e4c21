// A flat face over libaom for sys.rs: only scalars, our own structs and opaque handles cross it, so that Rust needs to
// know none of libaom's struct layouts, which change from version to version.

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

#include "../shim/shim.h"

// Distributions build libaom with its assertions on. A failed one would end the host's process; build.rs has the archive
// call this instead, which goes back to our caller of libaom, wherever it stands on the thread that was called.
#define LK_ASSERTION (-1000)

static _Thread_local jmp_buf *way_back;

_Noreturn void lk_aom_assert_fail(const char *assertion, const char *file, unsigned int line, const char *function);
_Noreturn void lk_aom_assert_fail(const char *assertion, const char *file, unsigned int line, const char *function) {
  if (way_back != NULL) longjmp(*way_back, 1);
  // A thread of libaom's own has nowhere to go back to.
  fprintf(stderr, "libaom: %s:%u: %s: %s\n", file, line, function, assertion);
  abort();
}

// What failed this way is left as it is: locks may be held inside, and so nothing may call into it again.
#define GUARDED(broken, code, expression) \
  do {                                    \
    jmp_buf here;                         \
    way_back = &here;                     \
    if (setjmp(here) == 0) {              \
      code = (expression);                \
    } else {                              \
      broken = 1;                         \
      code = LK_ASSERTION;                \
    }                                     \
    way_back = NULL;                      \
  } while (0)

// Every field is 32 bits wide and mirrored by `Settings` in sys.rs.
typedef struct {
  uint32_t width, height;
  uint32_t threads;
  uint32_t spatial_layers, temporal_layers;
  int32_t cpu_used;
  uint32_t screen;
  uint32_t drop_threshold;
  uint32_t min_quantizer, max_quantizer;
  uint32_t undershoot_pct, overshoot_pct;
  uint32_t buffer_ms, buffer_initial_ms, buffer_optimal_ms;
  uint32_t tile_columns_log2;
  uint32_t scale_num[LK_SPATIAL], scale_den[LK_SPATIAL];
} lk_aom_settings;

// How one layer of a picture uses the eight reference buffers; -1: unused.
typedef struct {
  int32_t spatial, temporal;
  int32_t reference[2];
  uint32_t update;
} lk_aom_structure;

typedef struct {
  const uint8_t *data;
  size_t size;
  int32_t quantizer;
} lk_aom_packet;

typedef struct {
  aom_codec_ctx_t codec;
  aom_codec_enc_cfg_t config;
  aom_svc_params_t svc;
  int layered;
  int broken;
} lk_aom_encoder;

#define TRY(expression)                               \
  do {                                                \
    const aom_codec_err_t tried = (expression);       \
    if (tried != AOM_CODEC_OK) return (int32_t)tried; \
  } while (0)

const char *lk_aom_error_text(int32_t code) {
  if (code == LK_ASSERTION) return "one of its assertions does not hold";
  return aom_codec_err_to_string((aom_codec_err_t)code);
}

static int32_t set_layer_rates(lk_aom_encoder *self, const lk_rates *rates) {
  if (!self->layered) return AOM_CODEC_OK;
  for (unsigned i = 0; i < LK_LAYERS; i++) self->svc.layer_target_bitrate[i] = (int)rates->layer[i];
  TRY(aom_codec_control(&self->codec, AV1E_SET_SVC_PARAMS, &self->svc));
  return AOM_CODEC_OK;
}

static int32_t set_up(lk_aom_encoder *self, const lk_aom_settings *settings, const lk_rates *rates) {
  aom_codec_iface_t *const interface = aom_codec_av1_cx();
  aom_codec_enc_cfg_t *config = &self->config;
  TRY(aom_codec_enc_config_default(interface, config, AOM_USAGE_REALTIME));
  self->layered = settings->spatial_layers * settings->temporal_layers > 1;
  config->g_w = settings->width;
  config->g_h = settings->height;
  config->g_threads = settings->threads;
  config->g_timebase.num = 1;
  config->g_timebase.den = 90000;
  config->g_input_bit_depth = 8;
  config->g_error_resilient = 0;
  config->g_pass = AOM_RC_ONE_PASS;
  config->g_lag_in_frames = 0;
  config->rc_end_usage = AOM_CBR;
  config->rc_target_bitrate = rates->total;
  config->rc_dropframe_thresh = settings->drop_threshold;
  config->rc_min_quantizer = settings->min_quantizer;
  config->rc_max_quantizer = settings->max_quantizer;
  config->rc_undershoot_pct = settings->undershoot_pct;
  config->rc_overshoot_pct = settings->overshoot_pct;
  config->rc_buf_sz = settings->buffer_ms;
  config->rc_buf_initial_sz = settings->buffer_initial_ms;
  config->rc_buf_optimal_sz = settings->buffer_optimal_ms;
  config->kf_mode = AOM_KF_DISABLED;
  TRY(aom_codec_enc_init(&self->codec, interface, config, 0));
  aom_codec_ctx_t *codec = &self->codec;

  TRY(aom_codec_control(codec, AOME_SET_CPUUSED, settings->cpu_used));
  TRY(aom_codec_control(codec, AOME_SET_MAX_INTRA_BITRATE_PCT, rates->max_intra_pct));
  TRY(aom_codec_control(codec, AV1E_SET_TILE_COLUMNS, settings->tile_columns_log2));
  TRY(aom_codec_control(codec, AV1E_SET_ROW_MT, settings->threads > 1 ? 1u : 0u));
  TRY(aom_codec_control(codec, AV1E_SET_AQ_MODE, 3u));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_CDEF, 1u));
  TRY(aom_codec_control(codec, AV1E_SET_COEFF_COST_UPD_FREQ, 3u));
  TRY(aom_codec_control(codec, AV1E_SET_MODE_COST_UPD_FREQ, 3u));
  TRY(aom_codec_control(codec, AV1E_SET_MV_COST_UPD_FREQ, 3u));
  TRY(aom_codec_control(codec, AV1E_SET_NOISE_SENSITIVITY, 0u));
  // What we are given and what we convert is BT.601 (Rec. H.273 code points); who is not told takes it for BT.709.
  TRY(aom_codec_control(codec, AV1E_SET_COLOR_PRIMARIES, (int)AOM_CICP_CP_BT_601));
  TRY(aom_codec_control(codec, AV1E_SET_TRANSFER_CHARACTERISTICS, (int)AOM_CICP_TC_BT_601));
  TRY(aom_codec_control(codec, AV1E_SET_MATRIX_COEFFICIENTS, (int)AOM_CICP_MC_BT_601));
  TRY(aom_codec_control(codec, AV1E_SET_COLOR_RANGE, (int)AOM_CR_STUDIO_RANGE));
  if (settings->screen) {
    TRY(aom_codec_control(codec, AV1E_SET_TUNE_CONTENT, (int)AOM_CONTENT_SCREEN));
    TRY(aom_codec_control(codec, AV1E_SET_ENABLE_PALETTE, 1));
  } else {
    TRY(aom_codec_control(codec, AV1E_SET_ENABLE_PALETTE, 0));
  }
  // Tools that cost more time than they save bits at real-time speeds.
  TRY(aom_codec_control(codec, AV1E_SET_DELTAQ_MODE, 0u));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_TPL_MODEL, 0u));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_ORDER_HINT, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_OBMC, 0u));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_WARPED_MOTION, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_GLOBAL_MOTION, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_REF_FRAME_MVS, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_CFL_INTRA, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_SMOOTH_INTRA, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_ANGLE_DELTA, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_FILTER_INTRA, 0));
  TRY(aom_codec_control(codec, AV1E_SET_ENABLE_INTRABC, 0));
  TRY(aom_codec_control(codec, AV1E_SET_INTRA_DEFAULT_TX_ONLY, 1));
  TRY(aom_codec_control(codec, AV1E_SET_DISABLE_TRELLIS_QUANT, 1u));
  TRY(aom_codec_control(codec, AV1E_SET_MAX_REFERENCE_FRAMES, 3));
  if (!self->layered) return AOM_CODEC_OK;

  aom_svc_params_t *svc = &self->svc;
  svc->number_spatial_layers = (int)settings->spatial_layers;
  svc->number_temporal_layers = (int)settings->temporal_layers;
  for (unsigned t = 0; t < settings->temporal_layers; t++)
    svc->framerate_factor[t] = 1 << (settings->temporal_layers - 1 - t);
  for (unsigned s = 0; s < settings->spatial_layers; s++) {
    svc->scaling_factor_num[s] = (int)settings->scale_num[s];
    svc->scaling_factor_den[s] = (int)settings->scale_den[s];
    for (unsigned t = 0; t < settings->temporal_layers; t++) {
      const unsigned at = s * settings->temporal_layers + t;
      svc->min_quantizers[at] = (int)settings->min_quantizer;
      svc->max_quantizers[at] = (int)settings->max_quantizer;
    }
  }
  return set_layer_rates(self, rates);
}

void lk_aom_encoder_free(lk_aom_encoder *self) {
  if (self == NULL) return;
  if (!self->broken && self->codec.iface != NULL) aom_codec_destroy(&self->codec);
  free(self);
}

int32_t lk_aom_encoder_new(const lk_aom_settings *settings, const lk_rates *rates, lk_aom_encoder **out) {
  *out = NULL;
  if (settings->spatial_layers < 1 || settings->spatial_layers > LK_SPATIAL || settings->temporal_layers < 1 ||
      settings->temporal_layers > 3)
    return AOM_CODEC_INVALID_PARAM;
  lk_aom_encoder *self = calloc(1, sizeof(*self));
  if (self == NULL) return AOM_CODEC_MEM_ERROR;
  volatile int32_t code = AOM_CODEC_OK;
  GUARDED(self->broken, code, set_up(self, settings, rates));
  if (code != AOM_CODEC_OK) {
    lk_aom_encoder_free(self);
    return code;
  }
  *out = self;
  return AOM_CODEC_OK;
}

static int32_t change_rates(lk_aom_encoder *self, const lk_rates *rates) {
  const int32_t code = set_layer_rates(self, rates);
  if (code != AOM_CODEC_OK) return code;
  self->config.rc_target_bitrate = rates->total;
  TRY(aom_codec_enc_config_set(&self->codec, &self->config));
  TRY(aom_codec_control(&self->codec, AOME_SET_MAX_INTRA_BITRATE_PCT, rates->max_intra_pct));
  return AOM_CODEC_OK;
}

int32_t lk_aom_encoder_set_rates(lk_aom_encoder *self, const lk_rates *rates) {
  volatile int32_t code = LK_ASSERTION;
  if (!self->broken) GUARDED(self->broken, code, change_rates(self, rates));
  return code;
}

static int32_t set_structure(lk_aom_encoder *self, const lk_aom_structure *structure) {
  aom_svc_layer_id_t id;
  memset(&id, 0, sizeof(id));
  id.spatial_layer_id = structure->spatial;
  id.temporal_layer_id = structure->temporal;
  aom_svc_ref_frame_config_t config;
  memset(&config, 0, sizeof(config));
  // Of AV1's seven names for references, the first (LAST) is the layer's own, the fourth (GOLDEN) the layer below;
  // the others must name some buffer.
  const int names[2] = {0, 3};
  int spare = structure->reference[0] >= 0 ? structure->reference[0] : structure->reference[1];
  if (spare < 0) spare = 0;
  for (unsigned i = 0; i < 7; i++) config.ref_idx[i] = spare;
  for (unsigned i = 0; i < 2; i++) {
    if (structure->reference[i] < 0) continue;
    config.ref_idx[names[i]] = structure->reference[i];
    config.reference[names[i]] = 1;
  }
  // libaom replaces only buffers that have a name. (A keyframe replaces all.)
  const int free_names[5] = {1, 2, 4, 5, 6};
  unsigned used = 0;
  for (int slot = 0; slot < 8; slot++) {
    if (((structure->update >> slot) & 1) == 0) continue;
    config.refresh[slot] = 1;
    if (used < 5) config.ref_idx[free_names[used++]] = slot;
  }
  TRY(aom_codec_control(&self->codec, AV1E_SET_SVC_LAYER_ID, &id));
  TRY(aom_codec_control(&self->codec, AV1E_SET_SVC_REF_FRAME_CONFIG, &config));
  return AOM_CODEC_OK;
}

static int32_t encode(lk_aom_encoder *self, const uint8_t *const planes[3], const int32_t strides[3], int64_t pts,
                      uint32_t duration, uint32_t keyframe, const lk_aom_structure *structure, lk_aom_packet *out) {
  aom_image_t image;
  // The address only keeps aom_img_wrap from allocating; the planes replace it.
  if (aom_img_wrap(&image, AOM_IMG_FMT_I420, self->config.g_w, self->config.g_h, 1, (unsigned char *)planes[0]) == NULL)
    return AOM_CODEC_INVALID_PARAM;
  for (unsigned i = 0; i < 3; i++) {
    image.planes[i] = (unsigned char *)planes[i];
    image.stride[i] = strides[i];
  }
  if (self->layered) {
    if (structure == NULL) return AOM_CODEC_INVALID_PARAM;
    const int32_t code = set_structure(self, structure);
    if (code != AOM_CODEC_OK) return code;
  }
  TRY(aom_codec_encode(&self->codec, &image, pts, duration, keyframe ? AOM_EFLAG_FORCE_KF : 0));
  aom_codec_iter_t iterator = NULL;
  const aom_codec_cx_pkt_t *packet;
  while ((packet = aom_codec_get_cx_data(&self->codec, &iterator)) != NULL) {
    if (packet->kind != AOM_CODEC_CX_FRAME_PKT || out->size > 0) continue;
    out->data = packet->data.frame.buf;
    out->size = packet->data.frame.sz;
    int quantizer = -1;
    aom_codec_control(&self->codec, AOME_GET_LAST_QUANTIZER, &quantizer);
    out->quantizer = quantizer;
  }
  return AOM_CODEC_OK;
}

// Encodes one layer of a picture of the configured size. `structure` is for several layers, NULL otherwise. The packet's
// bytes live until the next call; a size of 0 means that the picture was dropped.
int32_t lk_aom_encoder_encode(lk_aom_encoder *self, const uint8_t *const planes[3], const int32_t strides[3], int64_t pts,
                              uint32_t duration, uint32_t keyframe, const lk_aom_structure *structure,
                              lk_aom_packet *out) {
  memset(out, 0, sizeof(*out));
  volatile int32_t code = LK_ASSERTION;
  if (!self->broken)
    GUARDED(self->broken, code, encode(self, planes, strides, pts, duration, keyframe, structure, out));
  if (code != AOM_CODEC_OK) out->size = 0;
  return code;
}
