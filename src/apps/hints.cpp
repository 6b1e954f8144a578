#include "apps/hints.h"

namespace legrad::apps {

std::string hint(Reason reason) {
  switch (reason) {
    case Reason::kSizeUnknown:
      return " (--size HxW)";
    case Reason::kNoSuitableOutput:
      return " (--output NAME chooses another)";
    case Reason::kTargetNeeded:
      return " (--prompt TEXT, --text-embedding FILE.npy, or --class INDEX)";
    case Reason::kEmptyPromptNeeded:
      return " (--empty-embedding FILE.npy, or --no-correction)";
    default:
      return "";
  }
}

}  // namespace legrad::apps
