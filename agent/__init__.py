"""One turn of the support agent: context, six tools, decision, models, prompts."""
