#pragma once

#include <stdexcept>
#include <string>

namespace legrad {

/// Why something was refused, for programs that act on it. The message says the rest.
enum class Reason {
  kUnspecified,       ///< nothing a program could act on
  kNotAModel,         ///< the file is no exported model: missing, another kind of file
  kDamaged,           ///< an exported model that is incomplete, or whose parts do not fit each other
  kNotAllowed,        ///< it holds what a forward of a vision transformer has no need of, so it is not run
  kTooLarge,          ///< reading or running it takes more memory, time or operators than is allowed
  kSizeUnknown,       ///< the size of its images cannot be told: give it
  kSizeUnfit,         ///< it cannot take images of the size that was given
  kBatchUnfit,        ///< it holds a batch of another size
  kOtherInput,        ///< it needs another input than images
  kNoSuitableOutput,  ///< it has no output [B, C], or not the one that was asked for
  kTrainingMode,      ///< it was exported in training mode, or draws random numbers
  kQuantised,         ///< it was quantised before it was exported
  kDependsOnPixels,   ///< what it runs, or a size in it, depends on what is in the images
  kWritesInPlace,     ///< it writes into what is read elsewhere
  kNoAttention,       ///< it has no softmax attention
  kUnknownAttention,  ///< it has attention in a form that cannot be explained
  kNotOneStream,  ///< its blocks do not stand on one residual stream of tokens: hierarchical, windowed, several streams
  kSeveralPoolers,     ///< it has more than one attentional pooler
  kTokensUnordered,    ///< its tokens have no place on a grid of patches that could be told
  kMixesImages,        ///< the images of a batch have an influence on each other
  kNotReproduced,      ///< its parts, run one after another, do not give what the file itself gives
  kNotDifferentiable,  ///< no gradient leads from its output to its tokens
  kNotFinite,          ///< it gives NaN or infinite numbers
  kNotText,            ///< a prompt is no text: not UTF-8, or with a NUL in it
  kTargetNeeded,       ///< its output is an embedding, which has no best prediction: say what to explain
  kNoMeaning,          ///< the method, or one of its options, says nothing of such a model: choose another
  kNoRule,             ///< a table of rules says nothing of an operator that its output is computed by
  kEmptyPromptNeeded,  ///< its maps are corrected by the empty prompt's, and nothing gives that one
};

/// "size unknown", "not one stream", ... in words.
const char* to_string(Reason reason);

/// Base of everything this library throws on purpose. The message is one line: what went wrong, where,
/// what was expected and found, and what to do about it.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, Reason reason = Reason::kUnspecified);
  Reason reason() const noexcept { return reason_; }

 private:
  Reason reason_;
};

/// A model file that cannot be loaded, or whose model cannot be explained rightly.
class ModelError : public Error {
 public:
  using Error::Error;
};

/// An argument of a call that does not fit: a shape, an index, a name, a picture.
class InputError : public Error {
 public:
  using Error::Error;
};

}  // namespace legrad
