#pragma once

/// Prompts in, tokens out: the tokenizers of CLIP, SigLIP and their kin. Link `legrad::text` (ICU; neither its headers
/// nor LibTorch's are needed to include this one).

#include <legrad/text/text_manifest.h>
#include <legrad/text/text_rules.h>
#include <legrad/text/tokenizer.h>
#include <legrad/text/tokens.h>
