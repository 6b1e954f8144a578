#pragma once

namespace CLI {
class App;
}

namespace legrad::apps {

/// Adds `legrad tokenize`.
void add_tokenize(CLI::App& program);

}  // namespace legrad::apps
