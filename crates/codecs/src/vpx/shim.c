// A flat face over libvpx for sys.rs: only scalars, our own structs and opaque handles cross it, so that Rust needs to
// know none of libvpx's struct layouts, which change from version to version.

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include "../shim/shim.h"

// Every field is 32 bits wide and mirrored by `Settings` in sys.rs.
typedef struct {
  uint32_t vp9;
  uint32_t width, height;
  uint32_t threads;
  uint32_t error_resilient;
  uint32_t spatial_layers, temporal_layers;
  int32_t cpu_used;
  uint32_t screen;
  uint32_t drop_threshold;
  uint32_t min_quantizer, max_quantizer;
  uint32_t undershoot_pct, overshoot_pct;
  uint32_t buffer_ms, buffer_initial_ms, buffer_optimal_ms;
  uint32_t static_threshold;
  uint32_t token_partitions_log2;
  uint32_t tile_columns_log2;
  uint32_t inter_layer_off; // 0 always, 1 never, 2 key pictures only
  uint32_t scale_num[LK_SPATIAL], scale_den[LK_SPATIAL];
  uint32_t layer_speed[LK_SPATIAL];
} lk_vpx_settings;

// How one VP9 picture of several layers uses the eight reference buffers; -1: unused.
typedef struct {
  int32_t first_spatial;
  int32_t temporal[LK_SPATIAL];
  int32_t reference[LK_SPATIAL][3];
  uint32_t update[LK_SPATIAL];
} lk_vpx_structure;

typedef struct {
  const uint8_t *data;
  size_t size;
  uint32_t keyframe;
  uint32_t spatial;
  uint32_t width, height;
  int32_t quantizer;
} lk_vpx_packet;

typedef void (*lk_vpx_sink)(void *context, const lk_vpx_packet *packet);

typedef struct {
  vpx_codec_ctx_t codec;
  vpx_codec_enc_cfg_t config;
  uint32_t vp9, layered;
  lk_vpx_sink sink;
  void *context;
} lk_vpx_encoder;

static void on_layer(vpx_codec_cx_pkt_t *packet, void *user) {
  lk_vpx_encoder *self = user;
  if (packet->kind != VPX_CODEC_CX_FRAME_PKT || self->sink == NULL) return;
  vpx_svc_layer_id_t id;
  memset(&id, 0, sizeof(id));
  vpx_codec_control(&self->codec, VP9E_GET_SVC_LAYER_ID, &id);
  int quantizer = -1;
  vpx_codec_control(&self->codec, VP8E_GET_LAST_QUANTIZER, &quantizer);
  const int spatial = id.spatial_layer_id;
  if (spatial < 0 || spatial >= LK_SPATIAL) return;
  lk_vpx_packet out = {
      .data = packet->data.frame.buf,
      .size = packet->data.frame.sz,
      .keyframe = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0,
      .spatial = (uint32_t)spatial,
      .width = packet->data.frame.width[spatial],
      .height = packet->data.frame.height[spatial],
      .quantizer = quantizer,
  };
  self->sink(self->context, &out);
}

static void fill_rates(lk_vpx_encoder *self, const lk_rates *rates) {
  vpx_codec_enc_cfg_t *config = &self->config;
  config->rc_target_bitrate = rates->total;
  const unsigned temporal = config->ts_number_layers;
  for (unsigned i = 0; i < LK_LAYERS; i++) config->layer_target_bitrate[i] = rates->layer[i];
  for (unsigned t = 0; t < temporal; t++) config->ts_target_bitrate[t] = rates->layer[t];
  for (unsigned s = 0; s < config->ss_number_layers; s++)
    config->ss_target_bitrate[s] = rates->layer[s * temporal + temporal - 1];
}

#define TRY(expression)                                 \
  do {                                                  \
    const vpx_codec_err_t tried = (expression);         \
    if (tried != VPX_CODEC_OK) return (int32_t)tried;   \
  } while (0)

static int32_t set_up(lk_vpx_encoder *self, const lk_vpx_settings *settings, const lk_rates *rates) {
  vpx_codec_iface_t *const interface = settings->vp9 ? vpx_codec_vp9_cx() : vpx_codec_vp8_cx();
  vpx_codec_enc_cfg_t *config = &self->config;
  TRY(vpx_codec_enc_config_default(interface, config, 0));
  self->vp9 = settings->vp9;
  self->layered = settings->vp9 && settings->spatial_layers * settings->temporal_layers > 1;
  config->g_w = settings->width;
  config->g_h = settings->height;
  config->g_threads = settings->threads;
  config->g_timebase.num = 1;
  config->g_timebase.den = 90000;
  config->g_error_resilient = settings->error_resilient ? VPX_ERROR_RESILIENT_DEFAULT : 0;
  config->g_pass = VPX_RC_ONE_PASS;
  config->g_lag_in_frames = 0;
  config->rc_end_usage = VPX_CBR;
  config->rc_dropframe_thresh = settings->drop_threshold;
  config->rc_resize_allowed = 0;
  config->rc_min_quantizer = settings->min_quantizer;
  config->rc_max_quantizer = settings->max_quantizer;
  config->rc_undershoot_pct = settings->undershoot_pct;
  config->rc_overshoot_pct = settings->overshoot_pct;
  config->rc_buf_sz = settings->buffer_ms;
  config->rc_buf_initial_sz = settings->buffer_initial_ms;
  config->rc_buf_optimal_sz = settings->buffer_optimal_ms;
  config->kf_mode = VPX_KF_DISABLED;
  config->ss_number_layers = settings->spatial_layers;
  config->ts_number_layers = settings->temporal_layers;
  for (unsigned t = 0; t < settings->temporal_layers; t++)
    config->ts_rate_decimator[t] = 1u << (settings->temporal_layers - 1 - t);
  if (self->layered) config->temporal_layering_mode = VP9E_TEMPORAL_LAYERING_MODE_BYPASS;
  fill_rates(self, rates);

  TRY(vpx_codec_enc_init(&self->codec, interface, config, 0));
  vpx_codec_ctx_t *codec = &self->codec;
  TRY(vpx_codec_control(codec, VP8E_SET_CPUUSED, settings->cpu_used));
  TRY(vpx_codec_control(codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, rates->max_intra_pct));
  TRY(vpx_codec_control(codec, VP8E_SET_STATIC_THRESHOLD, settings->static_threshold));
  if (!settings->vp9) {
    TRY(vpx_codec_control(codec, VP8E_SET_NOISE_SENSITIVITY, 0));
    TRY(vpx_codec_control(codec, VP8E_SET_TOKEN_PARTITIONS, (int)settings->token_partitions_log2));
    TRY(vpx_codec_control(codec, VP8E_SET_SCREEN_CONTENT_MODE, settings->screen ? 2u : 0u));
    return VPX_CODEC_OK;
  }
  TRY(vpx_codec_control(codec, VP9E_SET_NOISE_SENSITIVITY, 0));
  // What we are given and what we convert is BT.601; who is not told takes VP9 for BT.709 (VP8 knows nothing else).
  TRY(vpx_codec_control(codec, VP9E_SET_COLOR_SPACE, (int)VPX_CS_BT_601));
  TRY(vpx_codec_control(codec, VP9E_SET_COLOR_RANGE, (int)VPX_CR_STUDIO_RANGE));
  TRY(vpx_codec_control(codec, VP9E_SET_AQ_MODE, settings->screen ? 0u : 3u));
  TRY(vpx_codec_control(codec, VP9E_SET_FRAME_PARALLEL_DECODING, 0));
  TRY(vpx_codec_control(codec, VP9E_SET_TILE_COLUMNS, (int)settings->tile_columns_log2));
  TRY(vpx_codec_control(codec, VP9E_SET_ROW_MT, settings->threads > 1 ? 1u : 0u));
  TRY(vpx_codec_control(codec, VP9E_SET_TUNE_CONTENT, settings->screen ? (int)VP9E_CONTENT_SCREEN : (int)VP9E_CONTENT_DEFAULT));
  if (!self->layered) return VPX_CODEC_OK;

  TRY(vpx_codec_control(codec, VP9E_SET_SVC, 1));
  vpx_svc_extra_cfg_t svc;
  memset(&svc, 0, sizeof(svc));
  for (unsigned s = 0; s < settings->spatial_layers; s++) {
    svc.scaling_factor_num[s] = (int)settings->scale_num[s];
    svc.scaling_factor_den[s] = (int)settings->scale_den[s];
    svc.speed_per_layer[s] = (int)settings->layer_speed[s];
    for (unsigned t = 0; t < settings->temporal_layers; t++) {
      const unsigned at = s * settings->temporal_layers + t;
      svc.min_quantizers[at] = (int)settings->min_quantizer;
      svc.max_quantizers[at] = (int)settings->max_quantizer;
    }
  }
  svc.temporal_layering_mode = VP9E_TEMPORAL_LAYERING_MODE_BYPASS;
  TRY(vpx_codec_control(codec, VP9E_SET_SVC_PARAMETERS, &svc));
  TRY(vpx_codec_control(codec, VP9E_SET_SVC_INTER_LAYER_PRED, (int)settings->inter_layer_off));
  // A picture is dropped with all of its layers or not at all, so that the reference structure needs no repair.
  vpx_svc_frame_drop_t drop;
  memset(&drop, 0, sizeof(drop));
  for (unsigned s = 0; s < settings->spatial_layers; s++) drop.framedrop_thresh[s] = (int)settings->drop_threshold;
  drop.framedrop_mode = FULL_SUPERFRAME_DROP;
  drop.max_consec_drop = INT_MAX;
  TRY(vpx_codec_control(codec, VP9E_SET_SVC_FRAME_DROP_LAYER, &drop));
  vpx_codec_priv_output_cx_pkt_cb_pair_t callback = {on_layer, self};
  TRY(vpx_codec_control(codec, VP9E_REGISTER_CX_CALLBACK, (void *)&callback));
  return VPX_CODEC_OK;
}

const char *lk_vpx_error_text(int32_t code) { return vpx_codec_err_to_string((vpx_codec_err_t)code); }

void lk_vpx_encoder_free(lk_vpx_encoder *self) {
  if (self == NULL) return;
  if (self->codec.iface != NULL) vpx_codec_destroy(&self->codec);
  free(self);
}

int32_t lk_vpx_encoder_new(const lk_vpx_settings *settings, const lk_rates *rates, lk_vpx_encoder **out) {
  *out = NULL;
  if (settings->spatial_layers < 1 || settings->spatial_layers > LK_SPATIAL || settings->temporal_layers < 1 ||
      settings->temporal_layers > 3)
    return VPX_CODEC_INVALID_PARAM;
  lk_vpx_encoder *self = calloc(1, sizeof(*self));
  if (self == NULL) return VPX_CODEC_MEM_ERROR;
  const int32_t code = set_up(self, settings, rates);
  if (code != VPX_CODEC_OK) {
    lk_vpx_encoder_free(self);
    return code;
  }
  *out = self;
  return VPX_CODEC_OK;
}

int32_t lk_vpx_encoder_set_rates(lk_vpx_encoder *self, const lk_rates *rates) {
  fill_rates(self, rates);
  TRY(vpx_codec_enc_config_set(&self->codec, &self->config));
  TRY(vpx_codec_control(&self->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, rates->max_intra_pct));
  return VPX_CODEC_OK;
}

// The flags are VP8's and ours in one: bits 0 key, 1-3 no reference to last, golden, altref, 4-6 no update of them,
// 7 no update of the probabilities.
static vpx_enc_frame_flags_t frame_flags(uint32_t ours) {
  static const vpx_enc_frame_flags_t theirs[] = {
      VPX_EFLAG_FORCE_KF,     VP8_EFLAG_NO_REF_LAST, VP8_EFLAG_NO_REF_GF,  VP8_EFLAG_NO_REF_ARF,
      VP8_EFLAG_NO_UPD_LAST,  VP8_EFLAG_NO_UPD_GF,   VP8_EFLAG_NO_UPD_ARF, VP8_EFLAG_NO_UPD_ENTROPY,
  };
  vpx_enc_frame_flags_t flags = 0;
  for (unsigned bit = 0; bit < sizeof(theirs) / sizeof(theirs[0]); bit++)
    if (ours & (1u << bit)) flags |= theirs[bit];
  return flags;
}

static int32_t set_structure(lk_vpx_encoder *self, const lk_vpx_structure *structure) {
  vpx_svc_layer_id_t id;
  memset(&id, 0, sizeof(id));
  id.spatial_layer_id = structure->first_spatial;
  id.temporal_layer_id = structure->temporal[0];
  vpx_svc_ref_frame_config_t config;
  memset(&config, 0, sizeof(config));
  for (unsigned s = 0; s < self->config.ss_number_layers; s++) {
    id.temporal_layer_id_per_spatial[s] = structure->temporal[s];
    const int32_t *reference = structure->reference[s];
    // An unused reference must still name a buffer; the first one's is as good as any.
    const int spare = reference[0] >= 0 ? reference[0] : 0;
    config.lst_fb_idx[s] = spare;
    config.gld_fb_idx[s] = reference[1] >= 0 ? reference[1] : spare;
    config.alt_fb_idx[s] = reference[2] >= 0 ? reference[2] : spare;
    config.reference_last[s] = reference[0] >= 0;
    config.reference_golden[s] = reference[1] >= 0;
    config.reference_alt_ref[s] = reference[2] >= 0;
    config.update_buffer_slot[s] = (int)structure->update[s];
  }
  TRY(vpx_codec_control(&self->codec, VP9E_SET_SVC_LAYER_ID, &id));
  TRY(vpx_codec_control(&self->codec, VP9E_SET_SVC_REF_FRAME_CONFIG, &config));
  return VPX_CODEC_OK;
}

// The planes must hold a picture of the configured size. `structure` is for VP9 with several layers, NULL otherwise.
int32_t lk_vpx_encoder_encode(lk_vpx_encoder *self, const uint8_t *const planes[3], const int32_t strides[3], int64_t pts,
                              uint32_t duration, uint32_t flags, uint32_t temporal, const lk_vpx_structure *structure,
                              lk_vpx_sink sink, void *context) {
  vpx_image_t image;
  // The address only keeps vpx_img_wrap from allocating; the planes replace it.
  if (vpx_img_wrap(&image, VPX_IMG_FMT_I420, self->config.g_w, self->config.g_h, 1, (unsigned char *)planes[0]) == NULL)
    return VPX_CODEC_INVALID_PARAM;
  for (unsigned i = 0; i < 3; i++) {
    image.planes[i] = (unsigned char *)planes[i];
    image.stride[i] = strides[i];
  }
  vpx_enc_frame_flags_t to_encode = frame_flags(flags);
  if (self->layered) {
    if (structure == NULL) return VPX_CODEC_INVALID_PARAM;
    TRY(set_structure(self, structure));
  } else if (!self->vp9) {
    TRY(vpx_codec_control(&self->codec, VP8E_SET_FRAME_FLAGS, (int)to_encode));
    TRY(vpx_codec_control(&self->codec, VP8E_SET_TEMPORAL_LAYER_ID, (int)temporal));
  }
  self->sink = sink;
  self->context = context;
  const vpx_codec_err_t code = vpx_codec_encode(&self->codec, &image, pts, duration, to_encode, VPX_DL_REALTIME);
  vpx_codec_iter_t iterator = NULL;
  const vpx_codec_cx_pkt_t *packet;
  while ((packet = vpx_codec_get_cx_data(&self->codec, &iterator)) != NULL) {
    if (self->layered || packet->kind != VPX_CODEC_CX_FRAME_PKT) continue;
    int quantizer = -1;
    vpx_codec_control(&self->codec, VP8E_GET_LAST_QUANTIZER, &quantizer);
    lk_vpx_packet out = {
        .data = packet->data.frame.buf,
        .size = packet->data.frame.sz,
        .keyframe = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0,
        .spatial = 0,
        .width = self->config.g_w,
        .height = self->config.g_h,
        .quantizer = quantizer,
    };
    sink(context, &out);
  }
  self->sink = NULL;
  self->context = NULL;
  return (int32_t)code;
}

typedef struct {
  vpx_codec_ctx_t codec;
} lk_vpx_decoder;

void lk_vpx_decoder_free(lk_vpx_decoder *self) {
  if (self == NULL) return;
  if (self->codec.iface != NULL) vpx_codec_destroy(&self->codec);
  free(self);
}

int32_t lk_vpx_decoder_new(uint32_t vp9, uint32_t threads, lk_vpx_decoder **out) {
  *out = NULL;
  lk_vpx_decoder *self = calloc(1, sizeof(*self));
  if (self == NULL) return VPX_CODEC_MEM_ERROR;
  vpx_codec_dec_cfg_t config = {.threads = threads};
  const vpx_codec_err_t code =
      vpx_codec_dec_init(&self->codec, vp9 ? vpx_codec_vp9_dx() : vpx_codec_vp8_dx(), &config, 0);
  if (code != VPX_CODEC_OK) {
    lk_vpx_decoder_free(self);
    return (int32_t)code;
  }
  *out = self;
  return VPX_CODEC_OK;
}

// The size that a keyframe in the data announces; 0 for another frame.
void lk_vpx_announced_size(uint32_t vp9, const uint8_t *data, size_t size, uint32_t *width, uint32_t *height) {
  vpx_codec_stream_info_t info;
  memset(&info, 0, sizeof(info));
  info.sz = sizeof(info);
  *width = *height = 0;
  const unsigned length = size > UINT_MAX ? UINT_MAX : (unsigned)size;
  if (vpx_codec_peek_stream_info(vp9 ? vpx_codec_vp9_dx() : vpx_codec_vp8_dx(), data, length, &info) != VPX_CODEC_OK)
    return;
  *width = info.w;
  *height = info.h;
}

// `got` tells whether `picture` was filled: the last picture that the data shows.
int32_t lk_vpx_decoder_decode(lk_vpx_decoder *self, const uint8_t *data, size_t size, lk_picture *picture,
                              uint32_t *got) {
  *got = 0;
  if (size > UINT_MAX) return VPX_CODEC_INVALID_PARAM;
  TRY(vpx_codec_decode(&self->codec, data, (unsigned)size, NULL, 0));
  vpx_codec_iter_t iterator = NULL;
  vpx_image_t *image;
  while ((image = vpx_codec_get_frame(&self->codec, &iterator)) != NULL) {
    for (unsigned i = 0; i < 3; i++) {
      picture->planes[i] = image->planes[i];
      picture->strides[i] = image->stride[i];
    }
    picture->width = image->d_w;
    picture->height = image->d_h;
    picture->is_420 = image->fmt == VPX_IMG_FMT_I420 || image->fmt == VPX_IMG_FMT_I42016;
    picture->two_bytes = (image->fmt & VPX_IMG_FMT_HIGHBITDEPTH) != 0;
    picture->bit_depth = image->bit_depth;
    picture->monochrome = 0;
    *got = 1;
  }
  if (*got) {
    int quantizer = -1;
    if (vpx_codec_control(&self->codec, VPXD_GET_LAST_QUANTIZER, &quantizer) != VPX_CODEC_OK) quantizer = -1;
    picture->quantizer = quantizer;
    int corrupted = 0;
    if (vpx_codec_control(&self->codec, VP8D_GET_FRAME_CORRUPTED, &corrupted) == VPX_CODEC_OK && corrupted) {
      *got = 0;
      return VPX_CODEC_CORRUPT_FRAME;
    }
  }
  return VPX_CODEC_OK;
}
