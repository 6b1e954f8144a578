#pragma once

namespace CLI {
class App;
}

namespace legrad::apps {

/// Adds `legrad evaluate`.
void add_evaluate(CLI::App& program);

}  // namespace legrad::apps
