#pragma once

namespace CLI {
class App;
}

namespace legrad::apps {

/// `legrad embed`: prompts or pictures to embeddings.
void add_embed(CLI::App& program);

}  // namespace legrad::apps
