#include <legrad/error.h>

#include "io/words.h"

namespace legrad {

// A message may quote a file, whose bytes must not write lines, or commands of a terminal, of their own.
Error::Error(const std::string& message, Reason reason) : std::runtime_error(io::one_line(message)), reason_(reason) {}

const char* to_string(Reason reason) {
  switch (reason) {
    case Reason::kUnspecified:
      return "unspecified";
    case Reason::kNotAModel:
      return "not a model";
    case Reason::kDamaged:
      return "damaged";
    case Reason::kNotAllowed:
      return "not allowed";
    case Reason::kTooLarge:
      return "too large";
    case Reason::kSizeUnknown:
      return "size unknown";
    case Reason::kSizeUnfit:
      return "size unfit";
    case Reason::kBatchUnfit:
      return "batch unfit";
    case Reason::kOtherInput:
      return "other input";
    case Reason::kNoSuitableOutput:
      return "no suitable output";
    case Reason::kTrainingMode:
      return "training mode";
    case Reason::kQuantised:
      return "quantised";
    case Reason::kDependsOnPixels:
      return "depends on pixels";
    case Reason::kWritesInPlace:
      return "writes in place";
    case Reason::kNoAttention:
      return "no attention";
    case Reason::kUnknownAttention:
      return "unknown attention";
    case Reason::kNotOneStream:
      return "not one stream";
    case Reason::kSeveralPoolers:
      return "several poolers";
    case Reason::kTokensUnordered:
      return "tokens unordered";
    case Reason::kMixesImages:
      return "mixes images";
    case Reason::kNotReproduced:
      return "not reproduced";
    case Reason::kNotDifferentiable:
      return "not differentiable";
    case Reason::kNotFinite:
      return "not finite";
    case Reason::kNotText:
      return "not text";
    case Reason::kTargetNeeded:
      return "target needed";
    case Reason::kNoMeaning:
      return "no meaning";
    case Reason::kNoRule:
      return "no rule";
    case Reason::kEmptyPromptNeeded:
      return "empty prompt needed";
  }
  return "unspecified";
}

}  // namespace legrad
