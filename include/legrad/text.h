#pragma once

/// Words: prompts to tokens, by the tokenizers of CLIP, SigLIP and their kin, and to embeddings by a model's text
/// tower. Link `legrad::text`; ICU stays inside of it.

#include <legrad/text/prompt_words.h>
#include <legrad/text/text_encoder.h>
#include <legrad/text/text_manifest.h>
#include <legrad/text/text_rules.h>
#include <legrad/text/tokenizer.h>
#include <legrad/text/tokens.h>
