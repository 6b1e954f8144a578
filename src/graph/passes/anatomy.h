#pragma once

#include <string>
#include <vector>

#include "graph/ir/line.h"
#include "graph/ir/source.h"
#include "graph/passes/fuse_attention.h"

namespace legrad::graph {

/// One attention of the line: a `scaled_dot_product_attention` whose context depends on the image.
struct AttentionSite {
  Node* node = nullptr;
  Value* query() const { return node->input(0); }
  Value* key() const { return node->input(1); }
  Value* value() const { return node->input(2); }
  Value* mask() const;  ///< nullptr where there is none
  Value* context() const { return node->output(); }
  double scale = 1;
  int64_t side_by_side = 1;  ///< how many of the file it was joined from
  std::string form;          ///< what stands in the file
};

/// The parts of a vision transformer, as values of its straight line.
struct Anatomy {
  std::vector<AttentionSite> blocks;   ///< self-attention, first block to last
  std::vector<Value*> tokens;          ///< Z^0 ... Z^L, one more than blocks
  std::vector<AttentionSite> poolers;  ///< at most one
  Value* patches = nullptr;    ///< [B, d, rows, columns], what the patch embedding gives; none if it has no such form
  Node* final_norm = nullptr;  ///< of a model with a pooler: the norm every path takes behind it, or the one before it
};

/// Throws `ModelError` if a model's graph holds no attention in any form. Nothing has run then.
void check_has_attention(const Source& source);

/// Finds attention, and the residual stream as the articulation points of the data flow: the values that every path
/// from the input to the output passes. Attentions that stand side by side in one block are joined into one. Throws
/// `ModelError` unless all blocks stand on the stream and hand on tokens of one shape.
///
/// Where the stream is [N, B, d], as in older CLIPs, transposes are put into the line so that all tokens are [B, N, d].
///
/// With a value `from` of the line in place of its input, only what depends on that counts: of a text tower the
/// embedded ids, as the ids themselves also say which token is read.
Anatomy find_anatomy(StraightLine& line, const AttentionForms& forms, const Value* from = nullptr);

/// Makes whoever reads the final norm of a model with a pooler read what it normalises.
void skip_final_norm(Anatomy& anatomy);

}  // namespace legrad::graph
