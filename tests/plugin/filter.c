/* An audio filter for the tests: plays its input at half the level, and writes down what it was told.
 *
 * Compiled in several ways:
 *   (nothing)       the first shape of the interface: one rate for input and output;
 *   -DSEPARATE      the second: an output rate of its own, a whole fraction of the input's;
 *   -DINCOMPLETE    without the entry that ends a stream;
 *   -DREFUSING      refuses every stream;
 *   -DDEPENDENT     takes its factor from another library (factor.c).
 * What it was told goes, a line each, to the file that AUDIO_FILTER_LOG names.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef DEPENDENT
extern float audio_filter_factor(void);
#define FACTOR audio_filter_factor()
#else
#define FACTOR 0.5f
#endif

struct filter {
	float factor;
};

static void note(const char *what, const char *first, const char *second)
{
	const char *path = getenv("AUDIO_FILTER_LOG");
	FILE *file = path != NULL ? fopen(path, "a") : NULL;
	if (file == NULL)
		return;
	fprintf(file, "%s\t%s\t%s\n", what, first, second);
	fclose(file);
}

int32_t audio_filter_on_load(const char *options)
{
	note("on_load", options, "");
	return 0;
}

static struct filter *begin(const char *kind, const char *options, const char *stream_info)
{
	note(kind, options, stream_info);
#ifdef REFUSING
	return NULL;
#else
	struct filter *filter = malloc(sizeof *filter);
	if (filter == NULL)
		return NULL;
	const char *factor = strstr(options, "\"factor\":");
	filter->factor = factor != NULL ? strtof(factor + strlen("\"factor\":"), NULL) : FACTOR;
	return filter;
#endif
}

void *audio_filter_create(uint32_t rate, const char *options, const char *stream_info)
{
	char kind[64];
	snprintf(kind, sizeof kind, "create %u", (unsigned)rate);
	return begin(kind, options, stream_info);
}

#ifndef INCOMPLETE
void audio_filter_destroy(const void *filter)
{
	note("destroy", "", "");
	free((void *)filter);
}
#endif

void audio_filter_process_int16(const void *filter, size_t samples, const int16_t *in, int16_t *out)
{
	for (size_t at = 0; at < samples; at++)
		out[at] = (int16_t)(((const struct filter *)filter)->factor * in[at]);
}

void audio_filter_process_float(const void *filter, size_t samples, const float *in, float *out)
{
	for (size_t at = 0; at < samples; at++)
		out[at] = ((const struct filter *)filter)->factor * in[at];
}

#ifdef SEPARATE
void *audio_filter_create_v2(uint32_t in_rate, uint32_t out_rate, const char *options, const char *stream_info)
{
	char kind[64];
	snprintf(kind, sizeof kind, "create_v2 %u %u", (unsigned)in_rate, (unsigned)out_rate);
	return begin(kind, options, stream_info);
}

void audio_filter_process_int16_v2(const void *filter, size_t in_samples, const int16_t *in, size_t out_samples,
				   int16_t *out)
{
	size_t step = out_samples != 0 ? in_samples / out_samples : 0;
	for (size_t at = 0; at < out_samples; at++)
		out[at] = (int16_t)(((const struct filter *)filter)->factor * in[at * step]);
}
#endif

void audio_filter_update_stream_info(const void *filter, const char *stream_info)
{
	(void)filter;
	note("update_stream_info", "", stream_info);
}

void audio_filter_update_token(const char *url, const char *token)
{
	note("update_token", url, token);
}
