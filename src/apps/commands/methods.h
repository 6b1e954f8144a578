#pragma once

namespace CLI {
class App;
}

namespace legrad::apps {

/// Adds `legrad methods`.
void add_methods(CLI::App& program);

}  // namespace legrad::apps
