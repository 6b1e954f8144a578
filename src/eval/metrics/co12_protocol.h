#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/parts.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// The protocols of FunnyBirds (Hesse, Schaub-Meyer and Roth, "FunnyBirds: A Synthetic Vision Dataset for a Part-Based
/// Analysis of Explainable AI Methods", ICCV 2023), on numbers alone: what a model says of a picture and of the same
/// scene without some parts, and how much of an explanation lies on which part.
namespace legrad::eval::funnybirds {

/// A set of parts: bit p says whether part p is in it.
using Parts = uint32_t;

/// A part or object is important if its importance is beyond t times the sum of the explanation. All of these t are
/// tried: 80 from 0.01 to 0.5, evenly.
constexpr size_t kThresholds = 80;
double threshold(size_t index);

/// The minimal sets of parts whose variants, together, no class has but `label`; ascending. None for the table's last
/// class, as in the published protocol, whose search ends before it has looked at it: scores would not compare with
/// published ones otherwise.
std::vector<Parts> sufficient_sets(const PartTable& table, int64_t label);

/// Two classes that share two parts each with a third, and not the same ones.
struct Rivals {
  int64_t first = 0;
  int64_t second = 0;
  Parts shared_with_first = 0;
  Parts shared_with_second = 0;
};
/// The first two such classes, in the order of the table; none where there are no such two.
std::optional<Rivals> rivals(const PartTable& table, int64_t label);

/// How much of an explanation lies on each part and object, of how much in all.
struct Importance {
  std::vector<double> objects;  ///< [P + N]: of parts, then of objects in the background; may be negative
  double sum = 0;               ///< over the whole picture
};

/// Masks bool [I, H, W] grown by two pixels to all sides (maximum of 5 x 5), as the importance is taken over.
at::Tensor grown(const at::Tensor& masks);

/// The sums of an explanation [channels, H, W] over the grown masks of each part's and object's instances: a pixel in
/// the masks of two counts twice.
Importance importance(const at::Tensor& explanation, const at::Tensor& grown_masks, const PartPictures& parts);

/// What a model says, before any softmax.
struct Answers {
  at::Tensor whole;  ///< [C] of the picture
  /// [n, C] of the scene with some of its parts. Undefined: there are no such pictures, nor those without an object.
  std::function<at::Tensor(const std::vector<Parts>& kept)> with_parts;
  std::function<at::Tensor()> without_background;  ///< [N, C] without one object of the background; N may be 0
};

/// The explanation for a class.
using Explain = std::function<Importance(int64_t label)>;

/// What one picture adds to the sums. Without pictures of some parts it says nothing but accuracy and CSDC.
std::vector<double> measured(const PartPictures& parts, const Answers& answers, const Explain& explain);

/// The parts of the sums: 80 numbers for each threshold and how many pictures they are of, or one number and how many.
enum class ByThreshold { kCsdc, kPc, kDc, kDistractibility };
enum class Single { kSingleDeletion, kTargetSensitivity, kAccuracy, kRelevantBackground };

/// CSDC, PC or DC: the mean; distractibility: 1 - the mean, so that 1 is best. NaN of no picture.
double at_threshold(std::span<const double> sums, ByThreshold protocol, size_t index);
double count(std::span<const double> sums, ByThreshold protocol);
double mean(std::span<const double> sums, Single single);
double count(std::span<const double> sums, Single single);

/// The first threshold at which (CSDC + PC + DC) / 3 + D is highest: one for all four.
size_t best_threshold(std::span<const double> sums);

}  // namespace legrad::eval::funnybirds
