/* What a filter built with -DDEPENDENT depends on. */
float audio_filter_factor(void);

float audio_filter_factor(void)
{
	return 0.25f;
}
