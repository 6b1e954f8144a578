#pragma once

#include <legrad/text/prompt_words.h>

#include <optional>
#include <string>
#include <vector>

namespace legrad::apps {

/// The words of a prompt that was explained, and the picture that was drawn of them.
struct ExplainedWords {
  WordScores scores;
  std::string file;
};

/// A picture and a target that were explained.
struct Explained {
  std::string picture;
  std::string target;
  double score = 0;
  std::optional<double> probability = {};  ///< of a zero-shot classifier's class
  std::string file;
  std::optional<ExplainedWords> words = {};
};

/// A table of scores and files, and where words were explained a second one of them.
std::string explained_text(const std::vector<Explained>& rows);

/// The same as one JSON object.
std::string explained_json(const std::vector<Explained>& rows, const std::string& model, const std::string& method);

}  // namespace legrad::apps
