#pragma once

namespace CLI {
class App;
}

namespace legrad::apps {

/// Adds `legrad metrics`.
void add_metrics(CLI::App& program);

}  // namespace legrad::apps
